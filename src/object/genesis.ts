// Owns the birth of a cluster: its id, its first members, and one birth certificate for each replica,
// first or later. It remembers who the members are, for those who have lost their way, and is never
// on the path of a request.

import { DurableObject } from "cloudflare:workers";
import { decodeDirectory, encodeDirectory } from "../api/directory.ts";
import type { Directory, GenesisRpc, Member } from "../api/replica.ts";
import { asClusterId, asMemberId, type MemberId } from "../base/types.ts";
import { Reader } from "../base/codec.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { present } from "../base/assert.ts";
import {
  replicaName,
  type Certificate,
  type CertificateAnswer,
  type Place,
} from "./certificate.ts";
import type { Environment } from "./environment.ts";
import { tellReplica } from "./notices.ts";

/** The members as replicas have told; `version` is the log index of the change. */
interface Remembered {
  readonly version: number;
  readonly directory: string;
}

// Keys of the object's storage.
const FIRST = "directory";
const REMEMBERED = "remembered";
const nonceKey = (name: string): string => `nonce:${name}`;
const admissionKey = (name: string): string => `admission:${name}`;

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
      if (this.#isCertified(name) || this.#firstNamed(name) !== null) continue;
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

/** The first 8 bytes of SHA-256 of the replica's name. */
async function memberId(name: string): Promise<MemberId> {
  const digest = await crypto.subtle.digest("SHA-256", encodeUtf8(name));
  return asMemberId(new Reader(new Uint8Array(digest)).id());
}

function randomClusterId(): Directory["clusterId"] {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return asClusterId(new Reader(bytes).id());
}
