// Owns the birth of a cluster, its end, and its rebirth: its id, its first members, and one birth
// certificate for each replica, first or later. It remembers who the members are, for those who have
// lost their way, and is never on the path of a request. What it keeps is in `genesis-records.ts`.

import { DurableObject } from "cloudflare:workers";
import type { DeletionAnswer } from "../api/catalog.ts";
import { decodeDirectory } from "../api/directory.ts";
import type {
  FoundingOrder,
  RecoveryAnswer,
  RecoveryOrder,
  RecoveryRefusal,
} from "../api/recovery.ts";
import type {
  Directory,
  Founder,
  GenesisRpc,
  Jurisdiction,
  Member,
  Place,
} from "../api/replica.ts";
import { present } from "../base/assert.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { Reader } from "../base/codec.ts";
import { RECOVERY_REVISIONS } from "../base/limits.ts";
import { placeIn, placesIn } from "../base/membership.ts";
import { refuse, type Result } from "../base/result.ts";
import { asClusterId, asMemberId, type ClusterId, type MemberId } from "../base/types.ts";
import { replicaName, type CertificateAnswer } from "./certificate.ts";
import type { Environment } from "./environment.ts";
import { GenesisRecords } from "./genesis-records.ts";
import { tellCatalog, tellReplica } from "./notices.ts";
import {
  isMajorityAlive,
  leftToTell,
  retireOnce,
  retirePauseMs,
  type RecoveryContext,
} from "./recovery.ts";
import type { Replica } from "./replica.ts";
import { replicaStub } from "./stubs.ts";

export class Genesis extends DurableObject<Environment> implements GenesisRpc {
  /**
   * The members, as far as Genesis was told; null when there is no such cluster. Replicas that are
   * still without a certificate are called again: whoever asks has met one.
   */
  async directory(): Promise<Directory | null> {
    const directory = this.#records.latest;
    if (directory !== null) {
      this.ctx.waitUntil(this.#bear(directory));
      this.#listOld();
    }
    return directory;
  }

  /** Decides the cluster once; whatever is asked later, the answer is what `directory` says. */
  async create(
    regions: readonly string[],
    jurisdiction: Jurisdiction | null = null,
  ): Promise<Directory> {
    const isNew = await this.#decide(regions, jurisdiction === null ? {} : { jurisdiction });
    if (isNew) {
      this.#keepAlarm();
      this.ctx.waitUntil(this.#tellCatalog().then(() => this.#keepAlarm()));
    }
    const directory = present(this.#records.latest, "a cluster that was decided has a directory");
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
      generation = this.#records.freeGeneration(region, generation);
      const member = await this.#member({ region, generation });
      if (this.#records.latest?.clusterId !== directory.clusterId) return null;
      if (this.#records.isTaken(member)) continue;
      this.#records.admit({ member, directory });
      return member;
    }
  }

  /** Issues the certificate of the replica `name`, once; `nonce` tells a repeat of that once. */
  async certify(name: string, nonce: string): Promise<CertificateAnswer> {
    const certificate = this.#records.certificateOf(name);
    if (certificate === null) return { kind: "stranger" };
    const issuedTo = this.#records.nonceOf(name);
    if (issuedTo !== null && issuedTo !== nonce) return { kind: "replaced" };
    if (issuedTo === null) this.#records.issue(name, nonce);
    return { kind: "certified", certificate };
  }

  /**
   * Takes note of the members after the change at log index `version`. What is older than what is
   * known, or of another cluster, is ignored: notices overtake each other.
   */
  async remember(directory: Directory, version: number): Promise<void> {
    this.#records.remember(directory, version);
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
    const lost = this.#records.latest;
    if (lost?.clusterId !== order.confirm) {
      return refused("notConfirmed", "confirm with the id of the cluster that is to be given up");
    }
    const members = placesIn(lost);
    if (await isMajorityAlive(this.#context, members)) {
      return refused("isAlive", "a majority of its members answers");
    }
    const member = await this.#reserve(order.region, 1);
    const nonce = crypto.randomUUID();
    const bumpRevisions = order.bumpRevisions ?? RECOVERY_REVISIONS;
    const from = placeIn(lost, order.from);
    return this.#foundBy({
      founder: { member, nonce, jurisdiction: lost.jurisdiction ?? null },
      copy: (stub) => stub.restore({ from, nonce, bumpRevisions }),
      isBack: () => isMajorityAlive(this.#context, members),
      // Another recovery may have been quicker.
      refusal: () =>
        this.#records.latest?.clusterId === lost.clusterId
          ? null
          : refused("notConfirmed", "the cluster was given up already"),
    });
  }

  /**
   * A name for the first replica of a cluster that does not exist and is to be restored. Generations
   * begin with the second: the first are for those who create the cluster, should this come to
   * nothing. Null when the cluster exists.
   */
  async reserveFounder(region: string, jurisdiction: Jurisdiction | null): Promise<Founder | null> {
    if (this.#records.latest !== null) return null;
    const nonce = crypto.randomUUID();
    return { member: await this.#reserve(region, 2), nonce, jurisdiction };
  }

  /** Makes a cluster of a replica that was reserved and filled, unless there is one by now. */
  async found(order: FoundingOrder): Promise<RecoveryAnswer> {
    const refusal = (): RecoveryAnswer | null =>
      this.#records.latest === null ? null : refused("exists", "there is a cluster of this name");
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

  /**
   * Ends the cluster for ever: from the first write on there is none of this name, until one is
   * created anew, with other replicas. Those of this one are told to leave nothing behind, for as
   * long as it takes; one that has not heard may go on, among others that have not.
   */
  async delete(confirm: ClusterId): Promise<DeletionAnswer> {
    const { latest } = this.#records;
    if (latest === null) return { kind: "unknown" };
    if (latest.clusterId !== confirm) return { kind: "notConfirmed" };
    this.#records.giveUp({ mustErase: true, founder: null });
    this.#keepAlarm();
    await this.alarm();
    return { kind: "deleted", untold: this.#records.retirement?.members ?? [] };
  }

  /** Tells whoever has not heard yet: replicas of clusters that ended, the catalog. Never throws. */
  override async alarm(): Promise<void> {
    await Promise.all([this.#tellRetired(), this.#tellCatalog()]);
    this.#keepAlarm();
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
  async #open(directory: Directory): Promise<void> {
    const [first] = directory.members;
    // It is a favour: without it the cluster elects a leader a little later.
    if (first !== undefined) await this.#tell(placeIn(directory, first), "open");
  }

  /** Has every replica that lacks its certificate ask for it. */
  async #bear(directory: Directory): Promise<void> {
    const isUncertified = (member: Member): boolean =>
      this.#records.nonceOf(replicaName(this.#cluster, member)) === null;
    const unborn = directory.members.filter(isUncertified);
    await Promise.all(unborn.map((member) => this.#tell(placeIn(directory, member), "born")));
  }

  #tell(place: Place, notice: "born" | "open"): Promise<boolean> {
    return tellReplica(this.env, { cluster: this.#cluster, place }, notice);
  }

  async #tellRetired(): Promise<void> {
    const before = this.#records.retirement;
    if (before === null) return;
    const isHeard = await retireOnce(this.#context, this.#records.latest, before);
    for (const place of before.members) {
      if (place.mustErase === true && isHeard(place)) this.#records.erased(place);
    }
    const now = this.#records.retirement;
    this.#records.keepRetirement(now === null ? null : leftToTell(now, isHeard));
  }

  /** That there is a cluster of this name, or none. */
  async #tellCatalog(): Promise<void> {
    const { news, latest } = this.#records;
    if (news === null || news.isHeard) return;
    const { change } = news;
    const cluster =
      latest === null
        ? null
        : { clusterId: latest.clusterId, jurisdiction: latest.jurisdiction ?? null };
    const isHeard = await tellCatalog(this.env, { name: this.#cluster, change, cluster });
    this.#records.toldCatalog(news, isHeard);
  }

  /** A cluster that was created before there was a catalog comes into it when it is asked for. */
  #listOld(): void {
    if (this.#records.news !== null) return;
    this.#records.makeNews();
    this.#keepAlarm();
  }

  /** The alarm goes on with what is left to tell. */
  #keepAlarm(): void {
    const { news, retirement } = this.#records;
    const pending = [
      ...(retirement === null ? [] : [retirement]),
      ...(news === null ? [] : [news]),
    ];
    const pauses = pending
      .filter((one) => !("isHeard" in one) || !one.isHeard)
      .map((one) => retirePauseMs(one));
    const { storage } = this.ctx;
    if (pauses.length === 0) void storage.deleteAlarm();
    else void storage.setAlarm(Date.now() + Math.min(...pauses));
  }

  /** The copy that a recovery has made is of no use. */
  #discard(place: Place): void {
    this.#records.discard(place);
    this.#keepAlarm();
  }

  /**
   * Decides who is born in `regions`, under names that nothing has lived under. False when a cluster
   * was decided before, or meanwhile.
   */
  async #decide(
    regions: readonly string[],
    bounds: Pick<Directory, "jurisdiction">,
  ): Promise<boolean> {
    for (;;) {
      if (this.#records.first !== null) return false;
      const members = await Promise.all(
        regions.map((region) =>
          this.#member({ region, generation: this.#records.freeGeneration(region) }),
        ),
      );
      // Nothing is awaited between look and write: two creations cannot both decide, nor can a name
      // be reserved for another. A cluster may have come and gone since the names were drawn.
      if (this.#records.first !== null) return false;
      if (members.some((member) => this.#records.isTaken(member))) continue;
      this.#records.decide({ clusterId: randomClusterId(), members, ...bounds });
      return true;
    }
  }

  /** A name of `region` that nothing has lived under, and that will not be given again. */
  async #reserve(region: string, atLeast: number): Promise<Member> {
    for (let generation = atLeast; ; generation++) {
      generation = this.#records.freeGeneration(region, generation);
      const member = await this.#member({ region, generation });
      if (this.#records.isTaken(member) || this.#records.isAdmitted(member)) continue;
      this.#records.reserve(member);
      return member;
    }
  }

  /** Founds a cluster: the copy first, then everything at once, unless something speaks against it. */
  async #foundBy(founding: Founding): Promise<RecoveryAnswer> {
    const { member, jurisdiction } = founding.founder;
    const { region, generation } = member;
    const place: Place = { region, generation, jurisdiction };
    const copied = await copyOrRefuse(founding.copy(replicaStub(this.env, this.#cluster, place)));
    if (!copied.ok) return refused("notCopied", copied.error);
    if (await founding.isBack()) {
      this.#discard(place);
      return refused("isAlive", "a majority of its members has come back");
    }
    // Nothing is awaited between this look and the writes.
    const late = founding.refusal();
    if (late !== null) {
      this.#discard(place);
      return late;
    }
    const directory = this.#replace(founding.founder, place);
    await this.alarm();
    return { kind: "recovered", directory, revision: copied.value };
  }

  /** Puts the cluster of the founder in place of the one that is there, if any. */
  #replace({ member, nonce, jurisdiction }: Founder, founder: Place): Directory {
    const directory = {
      ...(jurisdiction === null ? {} : { jurisdiction }),
      clusterId: randomClusterId(),
      members: [member],
    };
    this.#records.giveUp({ mustErase: false, founder });
    this.#records.decide(directory);
    this.#records.issue(replicaName(this.#cluster, member), nonce);
    this.#keepAlarm();
    return directory;
  }

  get #context(): RecoveryContext {
    return { environment: this.env, cluster: this.#cluster };
  }

  get #cluster(): string {
    return present(this.ctx.id.name, "a genesis is reached by its cluster's name");
  }

  get #records(): GenesisRecords {
    return new GenesisRecords(this.ctx.storage.kv, this.#cluster);
  }

  async #member({ region, generation }: Pick<Member, "region" | "generation">): Promise<Member> {
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
