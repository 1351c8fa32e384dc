// Owns the platform's digest of a stream, which Node does not have.

import { createHash } from "node:crypto";

class DigestStream extends WritableStream<Uint8Array> {
  readonly digest: Promise<ArrayBuffer>;

  constructor() {
    const hash = createHash("sha256");
    const digest = Promise.withResolvers<ArrayBuffer>();
    super({
      write: (chunk) => void hash.update(chunk),
      close: () => digest.resolve(new Uint8Array(hash.digest()).buffer),
    });
    this.digest = digest.promise;
  }
}

/** Lets what hashes streams run in Node. */
export const provideDigestStream = (): void => void Object.assign(crypto, { DigestStream });
