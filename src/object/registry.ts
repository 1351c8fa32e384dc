// Owns what a replica tells others about members that come and go, once it has applied the change:
// Genesis who they are, the new ones that they may be born, those removed that they are. All of it
// is heard in other ways too, only later, so nothing here is repeated in a loop.

import { encodeDirectory } from "../api/directory.ts";
import type { Directory, Member } from "../api/replica.ts";
import type { Membership } from "../base/membership.ts";
import type { ReplicaNotice } from "./notices.ts";

export interface RegistryOptions {
  /** The members when the replica started. */
  readonly directory: Directory;
  readonly tellReplica: (member: Member, notice: ReplicaNotice, body: string) => Promise<boolean>;
  readonly tellGenesis: (news: { version: number; directory: string }) => Promise<boolean>;
}

/**
 * A change is told by the replica that leads when it is applied. If Genesis does not hear it, it is
 * told again with the next change, or by the next leader; what Genesis knows already, it ignores.
 */
export class Registry {
  readonly #options: RegistryOptions;
  /** The members that everyone concerned was told of. */
  #told: readonly Member[];
  /** What Genesis may not know; null when it knows all that this replica does. */
  #news: Membership | null = null;
  #isDue = false;
  #isLeading = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#told = options.directory.members;
  }

  /** Whether `settle` is wanted. */
  get hasNews(): boolean {
    return this.#news !== null;
  }

  /** Takes note of a membership that was applied. */
  changed(membership: Membership): void {
    this.#news = membership;
    this.#isDue = true;
  }

  /** Tells the news if this replica leads and has not tried, or has only come to lead. */
  settle(isLeading: boolean): void {
    const isDue = this.#isDue || !this.#isLeading;
    this.#isLeading = isLeading;
    if (this.#news === null || !isLeading || !isDue) return;
    this.#isDue = false;
    void this.#tell(this.#news);
  }

  async #tell(membership: Membership): Promise<void> {
    const { members } = membership;
    const directory = encodeDirectory({ ...this.#options.directory, members });
    for (const member of without(members, this.#told)) {
      void this.#options.tellReplica(member, "born", "");
    }
    for (const member of without(this.#told, members)) {
      void this.#options.tellReplica(member, "retire", directory);
    }
    this.#told = members;
    const isHeard = await this.#options.tellGenesis({ version: membership.index, directory });
    if (isHeard && this.#news === membership) this.#news = null;
  }
}

const without = (all: readonly Member[], others: readonly Member[]): Member[] =>
  all.filter(({ id }) => !others.some((other) => other.id === id));
