// Owns a promise that is kept elsewhere: `Promise.withResolvers`, which Node has from 22 on only.

export interface PromiseParts<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

export function partsOfPromise<T>(): PromiseParts<T> {
  let parts: Omit<PromiseParts<T>, "promise">;
  const promise = new Promise<T>((resolve, reject) => {
    parts = { resolve, reject };
  });
  return { promise, ...parts! };
}
