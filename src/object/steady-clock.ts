// Owns the shell's time: the machine's clock, made never to go back. A replica whose clock steps back
// by an hour must not wait an hour for its next heartbeat.

import { asMilliseconds, type Milliseconds } from "../base/types.ts";

/** Makes a clock of `read` that goes on from where it was when `read` steps back. */
export function steadyClock(read: () => number): () => Milliseconds {
  let last = read();
  let stepsBack = 0;
  return () => {
    const time = read();
    if (time < last) stepsBack += last - time;
    last = time;
    return asMilliseconds(time + stepsBack);
  };
}
