// Owns filling a reserved replica from a snapshot file that comes in: one part is held at a time, and
// sent on before more is read. Nothing is a cluster before the file was read to its end and its
// digest is right.

import { SnapshotFileReader, type SnapshotHead } from "../api/snapshot-file.ts";
import type { Founder, Place } from "../api/replica.ts";
import { present } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import { CodecError } from "../base/codec.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import type { Bytes } from "../base/types.ts";
import type { ReplicaNetwork } from "./network.ts";
import { Sha256 } from "./sha256.ts";

export interface UploadOrder {
  readonly cluster: string;
  readonly founder: Founder;
  /** The file. */
  readonly chunks: AsyncIterable<Bytes>;
}

/**
 * Sends all parts to the founder. Refused with a sentence when the file is none, damaged, cut off or
 * of a later version; the founder is emptied then.
 */
export async function uploadSnapshot(
  network: ReplicaNetwork,
  order: UploadOrder,
): Promise<Result<SnapshotHead, string>> {
  let isWhole = false;
  try {
    const head = await new Upload(network, order).run();
    isWhole = head.ok;
    return head;
  } catch (error) {
    if (error instanceof CodecError) return refuse(error.message);
    throw error;
  } finally {
    if (!isWhole) await drop(network, order);
  }
}

const placeOf = ({ member, jurisdiction }: Founder): Place => ({ ...member, jurisdiction });

class Upload {
  readonly #network: ReplicaNetwork;
  readonly #order: UploadOrder;
  readonly #file = new SnapshotFileReader();
  readonly #digest = new Sha256();
  #head: SnapshotHead | null = null;
  #parts = 0;
  #stated: Bytes | null = null;

  constructor(network: ReplicaNetwork, order: UploadOrder) {
    this.#network = network;
    this.#order = order;
  }

  async run(): Promise<Result<SnapshotHead, string>> {
    for await (const chunk of this.#order.chunks) {
      for (const piece of this.#file.push(chunk)) {
        if (piece.kind === "digest") this.#stated = piece.bytes;
        else await this.#digest.add(piece.bytes);
        if (piece.kind === "digest") continue;
        this.#head = piece.head ?? this.#head;
        if (piece.part === undefined) continue;
        const taken = await this.#send(piece.part);
        if (!taken.ok) return taken;
      }
    }
    this.#file.end();
    const isRight = equalBytes(await this.#digest.finish(), present(this.#stated, "it has ended"));
    if (!isRight) return refuse("the snapshot is damaged: its SHA-256 is another");
    if (this.#head === null || this.#parts === 0) return refuse("the snapshot is empty");
    return accept(this.#head);
  }

  async #send(data: Bytes): Promise<Result<null, string>> {
    const { cluster, founder } = this.#order;
    const replica = this.#network.replica(cluster, placeOf(founder));
    return replica.uploadPart(founder.nonce, this.#parts++, data);
  }
}

/** Whether it is heard or not: what nobody goes on filling empties itself. */
async function drop(network: ReplicaNetwork, { cluster, founder }: UploadOrder): Promise<void> {
  try {
    await network.replica(cluster, placeOf(founder)).uploadEnd(founder.nonce);
  } catch {
    // It empties itself.
  }
}
