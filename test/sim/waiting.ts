// Owns two small things about whoever waits: a copy to add to, and taking one out of those that wait.

import type { Waiting } from "./instance.ts";

export const bound = <T>(waiting: Waiting<T>): Waiting<T> => ({
  answered: (answer) => waiting.answered(answer),
  broken: () => waiting.broken(),
});

/** Removes and returns what stands under `key`. */
export function take<K, V>(map: Map<K, V>, key: K): V | undefined {
  const value = map.get(key);
  map.delete(key);
  return value;
}
