// Owns what Genesis keeps in its object's storage: who the members are, which names were given to
// replicas, who is still to be told that it has ended, what the catalog has not heard. It awaits
// nothing, so that what is written in one go is stored at once or not at all.

import { decodeDirectory, encodeDirectory } from "../api/directory.ts";
import type { Directory, Member, Place } from "../api/replica.ts";
import { placeIn } from "../base/membership.ts";
import { parseReplicaName, replicaName, type Certificate, type NamedPlace } from "./certificate.ts";
import type { Retired, Retirement } from "./recovery.ts";

/** The members as replicas have told; `version` is the log index of the change. */
interface Remembered {
  readonly version: number;
  readonly directory: string;
}

/** What the catalog is to be told: that there is a cluster of this name, or is none. */
export interface News {
  /** Counts foundings and endings: notices overtake each other. */
  readonly change: number;
  readonly isHeard: boolean;
  readonly rounds: number;
}

// Keys of the object's storage.
const FIRST = "directory";
const REMEMBERED = "remembered";
const RETIREMENT = "retirement";
const NEWS = "news";
const NONCES = "nonce:";
const ADMISSIONS = "admission:";

/** Instead of the nonce of a life: the name is kept for one that is not decided, or given up. */
const RESERVED = "reserved";
/** The same for a name whose object has been emptied. */
const ERASED = "erased";

/** A name is given to one replica in all time: what has lived under it may still be away. */
export class GenesisRecords {
  readonly #kv: Pick<SyncKvStorage, "get" | "put" | "delete" | "list">;
  readonly #cluster: string;

  constructor(kv: Pick<SyncKvStorage, "get" | "put" | "delete" | "list">, cluster: string) {
    this.#kv = kv;
    this.#cluster = cluster;
  }

  /** The members as first decided. */
  get first(): Directory | null {
    const text = this.#kv.get<string>(FIRST);
    return text === undefined ? null : decodeDirectory(text);
  }

  /** The members as far as was told; null when there is no cluster. */
  get latest(): Directory | null {
    const remembered = this.#kv.get<Remembered>(REMEMBERED);
    return remembered === undefined ? this.first : decodeDirectory(remembered.directory);
  }

  get retirement(): Retirement | null {
    return this.#kv.get<Retirement>(RETIREMENT) ?? null;
  }

  /** Null when the catalog never had anything to hear. */
  get news(): News | null {
    return this.#kv.get<News>(NEWS) ?? null;
  }

  /** The cluster is born with these members. */
  decide(directory: Directory): void {
    this.#kv.put(FIRST, encodeDirectory(directory));
    this.makeNews();
  }

  /** Takes note of the members after the change at log index `version`, unless it is old. */
  remember(directory: Directory, version: number): void {
    if (this.latest?.clusterId !== directory.clusterId) return;
    const known = this.#kv.get<Remembered>(REMEMBERED);
    if (known !== undefined && known.version >= version) return;
    const remembered: Remembered = { version, directory: encodeDirectory(directory) };
    this.#kv.put(REMEMBERED, remembered);
  }

  /**
   * Gives the cluster up: from now on there is none of this name. Its replicas, and those admitted
   * to it, are to be told that they are retired; with `mustErase` all that ever were are to be
   * emptied. The founder of its successor is spared.
   */
  giveUp({ mustErase, founder }: { mustErase: boolean; founder: Place | null }): void {
    const { first, latest } = this;
    const admissions = [...this.#kv.list<Certificate>({ prefix: ADMISSIONS })];
    const members = [
      ...(first?.members ?? []),
      ...(latest?.members ?? []),
      ...admissions.map(([, { member }]) => member),
      ...(mustErase ? this.#everyoneNamed() : []),
    ];
    const places = members.map((member) => placeIn(latest ?? {}, member));
    this.#kv.delete(FIRST);
    this.#kv.delete(REMEMBERED);
    for (const [key] of admissions) this.#kv.delete(key);
    this.#retire(places, { mustErase, founder });
    this.makeNews();
  }

  /** An object that a cluster was to be founded in has a copy of what is not needed any more. */
  discard(place: Place): void {
    const { retirement } = this;
    const members = [...(retirement?.members ?? []), { ...place, mustErase: true }];
    this.keepRetirement({ members, founder: retirement?.founder ?? null, rounds: 0 });
  }

  /** What is left to tell. */
  keepRetirement(left: Retirement | null): void {
    if (left === null) this.#kv.delete(RETIREMENT);
    else this.#kv.put(RETIREMENT, left);
  }

  /** The object of this name is empty now. */
  erased(place: Place): void {
    this.#kv.put(this.#nonceKey(place), ERASED);
  }

  makeNews(): void {
    const change = (this.news?.change ?? 0) + 1;
    this.#kv.put(NEWS, { change, isHeard: false, rounds: 0 } satisfies News);
  }

  /** The catalog was told of `news`; there may be others by now. */
  toldCatalog(news: News, isHeard: boolean): void {
    if (this.news?.change !== news.change) return;
    this.#kv.put(NEWS, { ...news, isHeard, rounds: news.rounds + 1 } satisfies News);
  }

  /** The first generation of `region`, from `atLeast` on, whose name was never given. */
  freeGeneration(region: string, atLeast = 1): number {
    let generation = atLeast;
    while (this.isTaken({ region, generation })) generation++;
    return generation;
  }

  /** Keeps the name for a replica that is not decided yet. */
  reserve(place: NamedPlace): void {
    this.#kv.put(this.#nonceKey(place), RESERVED);
  }

  nonceOf(name: string): string | null {
    return this.#kv.get<string>(NONCES + name) ?? null;
  }

  issue(name: string, nonce: string): void {
    this.#kv.put(NONCES + name, nonce);
  }

  admit(certificate: Certificate): void {
    this.#kv.put(ADMISSIONS + replicaName(this.#cluster, certificate.member), certificate);
  }

  isAdmitted(member: NamedPlace): boolean {
    return this.#admission(replicaName(this.#cluster, member)) !== null;
  }

  /** What the replica `name` is born with; null when nobody of that name is expected. */
  certificateOf(name: string): Certificate | null {
    return this.#firstNamed(name) ?? this.#admission(name);
  }

  /** Whether a replica has lived under the name, or a first member may yet. */
  isTaken(member: NamedPlace): boolean {
    const name = replicaName(this.#cluster, member);
    return this.nonceOf(name) !== null || this.#firstNamed(name) !== null;
  }

  #retire(
    places: readonly Place[],
    { mustErase, founder }: { mustErase: boolean; founder: Place | null },
  ): void {
    const before = this.retirement?.members ?? [];
    const all = new Map<string, Retired>();
    for (const place of places) {
      const name = replicaName(this.#cluster, place);
      // One that is away may be told late: nobody else may have its name by then.
      if (this.nonceOf(name) === null) this.issue(name, RESERVED);
      all.set(name, { ...place, mustErase });
    }
    for (const place of before) {
      const name = replicaName(this.#cluster, place);
      all.set(name, { ...place, mustErase: mustErase || place.mustErase === true });
    }
    this.keepRetirement({ members: [...all.values()], founder, rounds: 0 });
  }

  /** All that were ever given a name, but for those that are known to be empty. */
  #everyoneNamed(): NamedPlace[] {
    return [...this.#kv.list<string>({ prefix: NONCES })]
      .filter(([, nonce]) => nonce !== ERASED)
      .map(([key]) => parseReplicaName(key.slice(NONCES.length)));
  }

  /** The certificate of one of the first members. */
  #firstNamed(name: string): Certificate | null {
    const directory = this.first;
    const isNamed = (member: Member): boolean => replicaName(this.#cluster, member) === name;
    const member = directory?.members.find(isNamed);
    return directory === null || member === undefined ? null : { member, directory };
  }

  #admission(name: string): Certificate | null {
    return this.#kv.get<Certificate>(ADMISSIONS + name) ?? null;
  }

  #nonceKey(place: NamedPlace): string {
    return NONCES + replicaName(this.#cluster, place);
  }
}
