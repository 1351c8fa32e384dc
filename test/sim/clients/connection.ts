// Owns one session's way to and from its replica: a socket on which nothing is overtaken, and nothing is
// lost but all at once.

import type { SessionIdentity } from "../../../src/api/session-identity.ts";
import type { ReceiverFrame, ReplicaFrame } from "../../../src/api/session.ts";
import type { Bytes } from "../../../src/base/types.ts";
import type { Socket } from "../instance.ts";
import type { Network } from "../network.ts";
import type { SimObject } from "../object.ts";
import type { World } from "../world.ts";

let sessions = 0;

/** Sessions are numbered anew in each run. */
export function resetSessions(): void {
  sessions = 0;
}

interface ConnectionParts {
  readonly client: number;
  readonly world: World;
  readonly network: Network;
  /** Whose it is, of a client's; null: the router's. */
  readonly identity: SessionIdentity | null;
  readonly heard: (connection: Connection, frames: readonly ReplicaFrame[]) => void;
  readonly lost: (connection: Connection) => void;
}

export class Connection implements Socket {
  readonly session = ++sessions;
  readonly object: SimObject;
  readonly identity: SessionIdentity | null;
  checkpoint: Bytes | null = null;
  wasRestored = false;
  isOpen = true;
  #lastArrival = 0;
  #lastDeparture = 0;
  readonly #parts: ConnectionParts;

  constructor(object: SimObject, parts: ConnectionParts) {
    this.object = object;
    this.identity = parts.identity;
    this.#parts = parts;
  }

  frames(frames: readonly ReplicaFrame[]): void {
    const { client, world, network } = this.#parts;
    const delayMs = network.delayOf(this.object.number, client);
    if (delayMs === null) return this.break();
    this.#lastArrival = Math.max(this.#lastArrival, world.schedule.now + delayMs);
    world.schedule.after(this.#lastArrival - world.schedule.now, () => {
      if (this.isOpen) this.#parts.heard(this, frames);
    });
  }

  closed(): void {
    this.break();
  }

  /** Both ends are gone; the receiver may take a while to notice. */
  break(): void {
    const { world, client } = this.#parts;
    if (!this.isOpen) return;
    this.isOpen = false;
    world.trace.note("socket lost", client, this.session);
    world.schedule.after(0, () => this.object.sessionClosed(this.session));
    world.schedule.after(this.session % 2 === 0 ? 10 : 1_500, () => this.#parts.lost(this));
  }

  send(frames: readonly ReceiverFrame[]): void {
    const { client, world, network } = this.#parts;
    if (!this.isOpen) return;
    const delayMs = network.delayOf(client, this.object.number);
    if (delayMs === null) return this.break();
    this.#lastDeparture = Math.max(this.#lastDeparture, world.schedule.now + delayMs);
    world.schedule.after(this.#lastDeparture - world.schedule.now, () => {
      if (!this.isOpen) return;
      if (!this.object.sessionFrames(this.session, frames)) this.break();
    });
  }
}
