// Owns SHA-256 of what does not fit in memory: the platform hashes it as it comes.

import type { Bytes } from "../base/types.ts";

export class Sha256 {
  readonly #stream = new crypto.DigestStream("SHA-256");
  readonly #writer = this.#stream.getWriter();

  async add(bytes: Bytes): Promise<void> {
    await this.#writer.write(bytes);
  }

  /** The digest of all that was added. Nothing may be added afterwards. */
  async finish(): Promise<Bytes> {
    await this.#writer.close();
    return new Uint8Array(await this.#stream.digest);
  }
}
