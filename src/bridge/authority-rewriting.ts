// Owns letting clients in that say in `:authority` what is none: etcd's of 3.4 put the whole URL there, those
// of early 3.5 `#initially=[...]`. Go's servers take anything; the HTTP/2 library here ends such a
// stream before anybody hears of it. So the two characters that it minds are exchanged on the way in.

import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { literalsOf } from "./header-block.ts";

/** One character for one: the tables of compressed headers that both ends keep count lengths. */
const STAND_INS = [
  ["/", "!"],
  ["#", "*"],
] as const;

/** What the client has said, from what is left of it. */
export const asSaid = (authority: string): string =>
  STAND_INS.reduce((text, [said, taken]) => text.replaceAll(taken, said), authority);

const asTaken = (authority: string): string =>
  STAND_INS.reduce((text, [said, taken]) => text.replaceAll(said, taken), authority);

const PREFACE_BYTES = 24;
const FRAME_HEAD_BYTES = 9;
/** As HTTP/2 has it where a server announces no other. */
const FRAME_BYTES_MAX = 16_384;
const HEADERS = 1;
const PADDED = 0x8;
const WITH_PRIORITY = 0x20;
const PRIORITY_BYTES = 5;

/** The socket as HTTP/2 may read it. Either one's end is the other's. */
export function withTakenAuthority(socket: Socket): Duplex {
  const rewriter = new AuthorityRewriter();
  const duplex = new Duplex({
    read: () => void socket.resume(),
    writev: (chunks, done) => {
      socket.cork();
      for (const [n, { chunk }] of chunks.entries()) {
        socket.write(chunk as Buffer, n === chunks.length - 1 ? done : undefined);
      }
      socket.uncork();
    },
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (chunk) => {
    for (const part of rewriter.take(chunk)) if (!duplex.push(part)) socket.pause();
  });
  socket.on("end", () => duplex.push(null));
  socket.on("error", (error) => duplex.destroy(error));
  socket.on("close", () => duplex.destroy());
  return duplex;
}

/** Reads a client's bytes frame by frame, and gives them on: all but some frames of headers as they are. */
export class AuthorityRewriter {
  /** The preface or a frame's payload that is given on as it comes. */
  #passing = PREFACE_BYTES;
  /** What is looked at as a whole, until it is complete. */
  #held = Buffer.alloc(0);

  take(chunk: Buffer): Buffer[] {
    const given: Buffer[] = [];
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (rest.length > 0) {
      const ready = this.#passing > 0 ? Math.min(this.#passing, rest.length) : this.#frame(rest);
      if (ready === 0) break;
      const part = rest.subarray(0, ready);
      rest = rest.subarray(ready);
      if (this.#passing > 0) {
        this.#passing -= ready;
        given.push(part);
      } else {
        given.push(this.#frameAsTaken(part));
      }
    }
    this.#held = Buffer.from(rest);
    return given;
  }

  /** How much of what has come is to be looked at: a frame of headers, or another's head; 0 if not there. */
  #frame(bytes: Buffer): number {
    if (bytes.length < FRAME_HEAD_BYTES) return 0;
    const length = bytes.readUIntBE(0, 3);
    if (!isLookedAt(bytes)) return FRAME_HEAD_BYTES;
    return bytes.length < FRAME_HEAD_BYTES + length ? 0 : FRAME_HEAD_BYTES + length;
  }

  #frameAsTaken(part: Buffer): Buffer {
    if (isLookedAt(part)) return headersAsTaken(part);
    this.#passing = part.readUIntBE(0, 3);
    return part;
  }
}

/** Larger frames are refused by whoever gets them. */
const isLookedAt = (head: Buffer): boolean =>
  head[3] === HEADERS && head.readUIntBE(0, 3) <= FRAME_BYTES_MAX;

function headersAsTaken(frame: Buffer): Buffer {
  const flags = frame[4]!;
  const first =
    FRAME_HEAD_BYTES + (flags & PADDED ? 1 : 0) + (flags & WITH_PRIORITY ? PRIORITY_BYTES : 0);
  for (const { nameIndex, value, start, end } of literalsOf(frame, first)) {
    if (nameIndex !== AUTHORITY_INDEX || value === null) continue;
    const taken = asTaken(value);
    // Not compressed, and short: a length that fits into the seven bits beside the flag.
    if (taken === value || taken.length > LENGTH_MAX) return frame;
    const text = Buffer.from([taken.length, ...Buffer.from(taken, "latin1")]);
    const whole = Buffer.concat([frame.subarray(0, start), text, frame.subarray(end)]);
    if (whole.length - FRAME_HEAD_BYTES > FRAME_BYTES_MAX) return frame;
    whole.writeUIntBE(whole.length - FRAME_HEAD_BYTES, 0, 3);
    return whole;
  }
  return frame;
}

/** Of the name `:authority` in HPACK's static table. */
const AUTHORITY_INDEX = 1;
const LENGTH_MAX = 126;
