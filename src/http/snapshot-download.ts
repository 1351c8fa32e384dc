// Owns making a snapshot file of what a replica sends, part by part: the next part is asked for when
// the one before was taken, so that a slow client costs nobody memory.

import { encodeEnd, encodeFrame, encodeHead } from "../api/snapshot-file.ts";
import { GATEWAY_ERRORS } from "../api/error.ts";
import type { SnapshotDownload, SnapshotOpened } from "../api/replica.ts";
import { assert } from "../base/assert.ts";
import { EMPTY } from "../base/bytes.ts";
import type { Bytes } from "../base/types.ts";
import type { ReplicaNetwork } from "./network.ts";
import type { Platform } from "./platform.ts";
import { RequestError, requireAnswer } from "./response.ts";
import type { Router, RouterRequest } from "./router.ts";
import { Sha256 } from "./sha256.ts";

/** How often a part is asked for, whose call breaks: a stub may, its object not. */
const ATTEMPTS_MAX = 4;
const PAUSE_MS = 500;
/** A replica that makes a part takes milliseconds. */
const PART_MS_MAX = 10_000;

/** A piece of the file. `left` is about how many bytes are still to come; 0 with the last only. */
export interface FileChunk {
  readonly bytes: Bytes;
  readonly left: number;
}

type World = Platform & { readonly network: ReplicaNetwork; readonly router: Router };

/** Opens a snapshot that holds everything acknowledged before. @throws RequestError */
export async function openSnapshot(
  { router }: World,
  request: RouterRequest,
): Promise<SnapshotOpened> {
  const { answer } = requireAnswer(await router.serve(request), request.request);
  assert(answer.kind === "snapshot", "an answer is of its request's kind");
  return answer.answer;
}

/**
 * The file, in pieces of a part each; the last is the digest.
 *
 * @throws RequestError when the replica has lost it, or cannot be reached.
 */
export async function* snapshotFile(
  world: World,
  cluster: string,
  opened: SnapshotOpened,
): AsyncGenerator<FileChunk, void, void> {
  const digest = new Sha256();
  let length = 0;
  let estimate = 0;
  const chunk = async (bytes: Bytes): Promise<FileChunk> => {
    await digest.add(bytes);
    length += bytes.length;
    // The size is known at the end only: the database's stands for it, and is never used up before.
    return { bytes, left: Math.max(estimate - length, 1) };
  };
  try {
    let cursor: Bytes | null = EMPTY;
    while (cursor !== null) {
      const part = await askForPart(world, cluster, { opened, cursor });
      estimate ||= part.databaseBytes;
      if (length === 0) yield await chunk(encodeHead(opened.head));
      yield await chunk(encodeFrame(part.data));
      cursor = part.next;
    }
    yield await chunk(encodeEnd(length));
    yield { bytes: await digest.finish(), left: 0 };
  } finally {
    void release(world, cluster, opened);
  }
}

async function askForPart(
  world: World,
  cluster: string,
  { opened, cursor }: { readonly opened: SnapshotOpened; readonly cursor: Bytes },
): Promise<SnapshotDownload> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const timer = new AbortController();
    const late = world.sleep(PART_MS_MAX, timer.signal).then(() => "silent" as const);
    try {
      const replica = world.network.replica(cluster, opened.place);
      const part = await Promise.race([replica.snapshotPart(opened.name, cursor), late]);
      if (part === null) break;
      if (part !== "silent") return part;
    } catch {
      await world.sleep(PAUSE_MS);
    } finally {
      timer.abort();
    }
  }
  throw new RequestError(GATEWAY_ERRORS.snapshotLost);
}

/** Whether it is heard or not: the pin ends by itself as well. */
async function release(world: World, cluster: string, opened: SnapshotOpened): Promise<void> {
  try {
    await world.network.replica(cluster, opened.place).snapshotEnd(opened.name);
  } catch {
    // Nothing depends on it.
  }
}
