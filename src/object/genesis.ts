// Owns the birth of a cluster: its id, its first members, and one birth certificate for each replica,
// first or later. It remembers who the members are, for those who have lost their way, and is never
// on the path of a request.

import { DurableObject } from "cloudflare:workers";
import { decodeDirectory, encodeDirectory } from "../api/directory.ts";
import type {
  FoundingOrder,
  RecoveryAnswer,
  RecoveryOrder,
  RecoveryRefusal,
} from "../api/recovery.ts";
import type { Directory, Founder, GenesisRpc, Member } from "../api/replica.ts";
import { asClusterId, asMemberId, type MemberId } from "../base/types.ts";
import { Reader } from "../base/codec.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { RECOVERY_REVISIONS } from "../base/limits.ts";
import { present } from "../base/assert.ts";
import { refuse, type Result } from "../base/result.ts";
import {
  replicaName,
  type Certificate,
  type CertificateAnswer,
  type Place,
} from "./certificate.ts";
import type { Environment } from "./environment.ts";
import { tellReplica } from "./notices.ts";
import {
  isMajorityAlive,
  leftToTell,
  retireOnce,
  retirePauseMs,
  type RecoveryContext,
  type Retirement,
} from "./recovery.ts";
import type { Replica } from "./replica.ts";
import { replicaStub } from "./stubs.ts";

/** The members as replicas have told; `version` is the log index of the change. */
interface Remembered {
  readonly version: number;
  readonly directory: string;
}

// Keys of the object's storage.
const FIRST = "directory";
const REMEMBERED = "remembered";
const RETIREMENT = "retirement";
/** Instead of the nonce of a life: the name is kept for one that is not decided. */
const RESERVED = "reserved";
const nonceKey = (name: string): string => `nonce:${name}`;
const ADMISSIONS = "admission:";
const admissionKey = (name: string): string => `${ADMISSIONS}${name}`;

export class Genesis extends DurableObject<Environment> implements GenesisRpc {
  /**
   * The members, as far as Genesis was told; null when there is no such cluster. Replicas that are
   * still without a certificate are called again: whoever asks has met one.
   */
  async directory(): Promise<Directory | null> {
    const directory = this.#latest();
    if (directory !== null) this.ctx.waitUntil(this.#bear(directory));
    return directory;
  }

  /** Decides the cluster once; whatever is asked later, the answer is what `directory` says. */
  async create(regions: readonly string[]): Promise<Directory> {
    const members = await Promise.all(
      regions.map((region) => this.#member({ region, generation: 1 })),
    );
    // Nothing is awaited between look and write: two creations cannot both decide.
    const isNew = this.#first() === null;
    if (isNew) {
      const directory = { clusterId: randomClusterId(), members };
      this.ctx.storage.kv.put(FIRST, encodeDirectory(directory));
    }
    const directory = present(this.#latest(), "a cluster that was decided has a directory");
    await this.#bear(directory);
    if (isNew) await this.#open(directory);
    return directory;
  }

  /**
   * Prepares the birth of a replica that is about to join: the certificate of its name will be
   * issued. Its generation is `atLeast`, or the first one after whose name has no life behind it.
   * Asked again before that birth, the answer is the same; an admission that is never used is
   * harmless. Null when this is not the Genesis of the cluster in `directory`.
   */
  async admit(region: string, atLeast: number, directory: Directory): Promise<Member | null> {
    for (let generation = atLeast; ; generation++) {
      const member = await this.#member({ region, generation });
      if (this.#latest()?.clusterId !== directory.clusterId) return null;
      const name = replicaName(this.#cluster, member);
      if (this.#isTaken(name)) continue;
      this.ctx.storage.kv.put(admissionKey(name), { member, directory } satisfies Certificate);
      return member;
    }
  }

  /** Issues the certificate of the replica `name`, once; `nonce` tells a repeat of that once. */
  async certify(name: string, nonce: string): Promise<CertificateAnswer> {
    const certificate = this.#firstNamed(name) ?? this.#admission(name);
    if (certificate === null) return { kind: "stranger" };
    const issuedTo = this.ctx.storage.kv.get<string>(nonceKey(name));
    if (issuedTo !== undefined && issuedTo !== nonce) return { kind: "replaced" };
    if (issuedTo === undefined) this.ctx.storage.kv.put(nonceKey(name), nonce);
    return { kind: "certified", certificate };
  }

  /**
   * Takes note of the members after the change at log index `version`. What is older than what is
   * known, or of another cluster, is ignored: notices overtake each other.
   */
  async remember(directory: Directory, version: number): Promise<void> {
    const known = this.ctx.storage.kv.get<Remembered>(REMEMBERED);
    if (this.#latest()?.clusterId !== directory.clusterId) return;
    if (known !== undefined && known.version >= version) return;
    const remembered: Remembered = { version, directory: encodeDirectory(directory) };
    this.ctx.storage.kv.put(REMEMBERED, remembered);
  }

  /**
   * Rebuilds a cluster whose majority is lost from one replica that is left, as another cluster with
   * one member, and gives the lost one up: its replicas are told until each has heard, so that a
   * majority that returns cannot go on under the same name. What that majority had acknowledged and
   * the one replica never received is lost.
   *
   * Nothing is changed before the copy is complete, and then everything at once. It takes seconds,
   * and as long as the copy.
   */
  async recover(order: RecoveryOrder): Promise<RecoveryAnswer> {
    const lost = this.#latest();
    if (lost?.clusterId !== order.confirm) {
      return refused("notConfirmed", "confirm with the id of the cluster that is to be given up");
    }
    if (await isMajorityAlive(this.#context, lost.members)) {
      return refused("isAlive", "a majority of its members answers");
    }
    const member = await this.#reserve(order.region, 1);
    const nonce = crypto.randomUUID();
    const bumpRevisions = order.bumpRevisions ?? RECOVERY_REVISIONS;
    return this.#foundBy({
      founder: { member, nonce },
      copy: (stub) => stub.restore({ from: order.from, nonce, bumpRevisions }),
      isBack: () => isMajorityAlive(this.#context, lost.members),
      // Another recovery may have been quicker.
      refusal: () =>
        this.#latest()?.clusterId === lost.clusterId
          ? null
          : refused("notConfirmed", "the cluster was given up already"),
    });
  }

  /**
   * A name for the first replica of a cluster that does not exist and is to be restored. Generations
   * begin with the second: the first are for those who create the cluster, should this come to
   * nothing. Null when the cluster exists.
   */
  async reserveFounder(region: string): Promise<Founder | null> {
    if (this.#latest() !== null) return null;
    const nonce = crypto.randomUUID();
    return { member: await this.#reserve(region, 2), nonce };
  }

  /** Makes a cluster of a replica that was reserved and filled, unless there is one by now. */
  async found(order: FoundingOrder): Promise<RecoveryAnswer> {
    const refusal = (): RecoveryAnswer | null =>
      this.#latest() === null ? null : refused("exists", "there is a cluster of this name");
    return (
      refusal() ??
      this.#foundBy({
        founder: order.founder,
        copy: (stub) => stub.sealUpload(order),
        isBack: async () => false,
        refusal,
      })
    );
  }

  /** Tells the replicas of a lost cluster, until all have heard. Never throws. */
  override async alarm(): Promise<void> {
    const directory = this.#latest();
    const before = this.#retirement();
    if (before === null || directory === null) return;
    const isHeard = await retireOnce(this.#context, directory, before);
    const now = this.#retirement();
    this.#retire(now === null ? null : leftToTell(now, isHeard));
  }

  /** The notices of replicas. */
  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/remember") return new Response("no such door", { status: 404 });
    const directory = decodeDirectory(await request.text());
    await this.remember(directory, Number(searchParams.get("version")));
    return new Response(null, { status: 204 });
  }

  /** The first region may campaign at once, instead of waiting for a leader to be missed. */
  async #open({ members: [first] }: Directory): Promise<void> {
    // It is a favour: without it the cluster elects a leader a little later.
    if (first !== undefined) await this.#tell(first, "open");
  }

  /** Has every replica that lacks its certificate ask for it. */
  async #bear({ members }: Directory): Promise<void> {
    const isUncertified = (member: Member): boolean =>
      !this.#isCertified(replicaName(this.#cluster, member));
    await Promise.all(members.filter(isUncertified).map((member) => this.#tell(member, "born")));
  }

  #tell(member: Member, notice: "born" | "open"): Promise<boolean> {
    return tellReplica(this.env, { cluster: this.#cluster, member }, notice);
  }

  /** A name of `region` that nothing has lived under, and that will not be given again. */
  async #reserve(region: string, atLeast: number): Promise<Member> {
    for (let generation = atLeast; ; generation++) {
      const member = await this.#member({ region, generation });
      const name = replicaName(this.#cluster, member);
      if (this.#isTaken(name) || this.#admission(name) !== null) continue;
      this.ctx.storage.kv.put(nonceKey(name), RESERVED);
      return member;
    }
  }

  /** Founds a cluster: the copy first, then everything at once, unless something speaks against it. */
  async #foundBy({ founder, copy, isBack, refusal }: Founding): Promise<RecoveryAnswer> {
    const { member, nonce } = founder;
    const copied = await copyOrRefuse(copy(replicaStub(this.env, this.#cluster, member)));
    if (!copied.ok) return refused("notCopied", copied.error);
    if (await isBack()) return refused("isAlive", "a majority of its members has come back");
    // Nothing is awaited between this look and the writes.
    const late = refusal();
    if (late !== null) return late;
    const directory = this.#replace(member, nonce);
    await this.alarm();
    return { kind: "recovered", directory, revision: copied.value };
  }

  /** Puts the cluster of `founder` in place of the one that is there. */
  #replace(founder: Member, nonce: string): Directory {
    const { kv } = this.ctx.storage;
    const admissions = [...kv.list<Certificate>({ prefix: ADMISSIONS })];
    const members = [
      ...(this.#first()?.members ?? []),
      ...(this.#latest()?.members ?? []),
      ...admissions.map(([, { member }]) => member),
      ...(this.#retirement()?.members ?? []),
    ];
    const names = new Map(members.map((member) => [replicaName(this.#cluster, member), member]));
    const directory = { clusterId: randomClusterId(), members: [founder] };
    kv.put(FIRST, encodeDirectory(directory));
    kv.delete(REMEMBERED);
    for (const [key] of admissions) kv.delete(key);
    kv.put(nonceKey(replicaName(this.#cluster, founder)), nonce);
    this.#retire({ members: [...names.values()], founder, rounds: 0 });
    return directory;
  }

  #retirement(): Retirement | null {
    return this.ctx.storage.kv.get<Retirement>(RETIREMENT) ?? null;
  }

  /** Keeps what is left to tell, and the alarm that goes on with it. */
  #retire(left: Retirement | null): void {
    const { storage } = this.ctx;
    if (left === null) storage.kv.delete(RETIREMENT);
    else {
      storage.kv.put(RETIREMENT, left);
      void storage.setAlarm(Date.now() + retirePauseMs(left));
    }
  }

  get #context(): RecoveryContext {
    return { environment: this.env, cluster: this.#cluster };
  }

  get #cluster(): string {
    return present(this.ctx.id.name, "a genesis is reached by its cluster's name");
  }

  /** The members as first decided. */
  #first(): Directory | null {
    const text = this.ctx.storage.kv.get<string>(FIRST);
    return text === undefined ? null : decodeDirectory(text);
  }

  #latest(): Directory | null {
    const remembered = this.ctx.storage.kv.get<Remembered>(REMEMBERED);
    return remembered === undefined ? this.#first() : decodeDirectory(remembered.directory);
  }

  #isCertified(name: string): boolean {
    return this.ctx.storage.kv.get(nonceKey(name)) !== undefined;
  }

  /** Whether a replica has lived under the name, or a first member may yet. */
  #isTaken(name: string): boolean {
    return this.#isCertified(name) || this.#firstNamed(name) !== null;
  }

  /** The certificate of one of the first members. */
  #firstNamed(name: string): Certificate | null {
    const directory = this.#first();
    const isNamed = (member: Member): boolean => replicaName(this.#cluster, member) === name;
    const member = directory?.members.find(isNamed);
    return directory === null || member === undefined ? null : { member, directory };
  }

  #admission(name: string): Certificate | null {
    return this.ctx.storage.kv.get<Certificate>(admissionKey(name)) ?? null;
  }

  async #member({ region, generation }: Place): Promise<Member> {
    const id = await memberId(replicaName(this.#cluster, { region, generation }));
    return { id, region, generation };
  }
}

/** A cluster on its way into the world. */
interface Founding {
  readonly founder: Founder;
  /** Makes the founder what it is to be; returns the revision that it begins with. */
  readonly copy: (founder: DurableObjectStub<Replica>) => Promise<Result<number, string>>;
  /** Whether a cluster that was taken for lost is back. */
  readonly isBack: () => Promise<boolean>;
  /** What speaks against it at the last moment; null when nothing does. */
  readonly refusal: () => RecoveryAnswer | null;
}

async function copyOrRefuse(
  copy: Promise<Result<number, string>>,
): Promise<Result<number, string>> {
  try {
    return await copy;
  } catch (error) {
    return refuse(String(error));
  }
}

const refused = (reason: RecoveryRefusal, detail: string): RecoveryAnswer => ({
  kind: "refused",
  reason,
  detail,
});

/** The first 8 bytes of SHA-256 of the replica's name. */
async function memberId(name: string): Promise<MemberId> {
  const digest = await crypto.subtle.digest("SHA-256", encodeUtf8(name));
  return asMemberId(new Reader(new Uint8Array(digest)).id());
}

function randomClusterId(): Directory["clusterId"] {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return asClusterId(new Reader(bytes).id());
}
