// Owns the birth of a cluster: its id, its first members, and one birth certificate for each. It is
// asked at birth and by those who have lost their way, never on the path of a request.

import { DurableObject } from "cloudflare:workers";
import { decodeDirectory, encodeDirectory } from "../api/directory.ts";
import type { Directory, GenesisRpc, Member } from "../api/replica.ts";
import { asClusterId, asMemberId, asTerm, type MemberId } from "../base/types.ts";
import { Reader } from "../base/codec.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { present } from "../base/assert.ts";
import { replicaName, type CertificateAnswer } from "./certificate.ts";
import type { Environment } from "./environment.ts";
import { pause } from "./pause.ts";
import { replicaStub } from "./stubs.ts";

/** How long a birth waits for its replicas; one that is late is certified when peers call it. */
const BIRTH_MS_MAX = 3_000;

/** Keys of the object's storage. */
const DIRECTORY = "directory";
const nonceKey = (name: string): string => `nonce:${name}`;

export class Genesis extends DurableObject<Environment> implements GenesisRpc {
  /**
   * The members as first decided; null when there is no such cluster. Replicas that are still
   * without a certificate are called again: whoever asks has met one.
   */
  async directory(): Promise<Directory | null> {
    const directory = this.#stored();
    if (directory !== null) this.ctx.waitUntil(this.#bear(directory));
    return directory;
  }

  /** Decides the cluster once; whatever is asked later, this is the answer. */
  async create(regions: readonly string[]): Promise<Directory> {
    const members = await Promise.all(regions.map((region) => this.#member(region)));
    // Nothing is awaited between look and write: two creations cannot both decide.
    let directory = this.#stored();
    if (directory === null) {
      directory = { clusterId: randomClusterId(), members };
      this.ctx.storage.kv.put(DIRECTORY, encodeDirectory(directory));
    }
    await this.#bear(directory);
    await this.#open(directory);
    return directory;
  }

  /** Issues the certificate of the replica `name`, once; `nonce` tells a repeat of that once. */
  async certify(name: string, nonce: string): Promise<CertificateAnswer> {
    const directory = this.#stored();
    const isNamed = (member: Member): boolean => replicaName(this.#cluster, member) === name;
    const member = directory?.members.find(isNamed);
    if (directory === null || member === undefined) return { kind: "stranger" };
    const issuedTo = this.ctx.storage.kv.get<string>(nonceKey(name));
    if (issuedTo !== undefined && issuedTo !== nonce) return { kind: "replaced" };
    this.ctx.storage.kv.put(nonceKey(name), nonce);
    return { kind: "certified", certificate: { member, directory } };
  }

  /** The first region may campaign at once, instead of waiting for a leader to be missed. */
  async #open({ members: [first] }: Directory): Promise<void> {
    if (first === undefined) return;
    // It is a favour: without it the cluster elects a leader a little later.
    const urged = replicaStub(this.env, this.#cluster, first).urge(asTerm(0));
    await Promise.race([urged.catch(() => {}), pause(BIRTH_MS_MAX)]);
  }

  get #cluster(): string {
    return present(this.ctx.id.name, "a genesis is reached by its cluster's name");
  }

  #stored(): Directory | null {
    const text = this.ctx.storage.kv.get<string>(DIRECTORY);
    return text === undefined ? null : decodeDirectory(text);
  }

  async #member(region: string): Promise<Member> {
    const generation = 1;
    const id = await memberId(replicaName(this.#cluster, { region, generation }));
    return { id, region, generation };
  }

  /** Has every replica that lacks its certificate ask for it; waits, but not for ever. */
  async #bear({ members }: Directory): Promise<void> {
    const isUncertified = (member: Member): boolean =>
      this.ctx.storage.kv.get(nonceKey(replicaName(this.#cluster, member))) === undefined;
    const births = members.filter(isUncertified).map(async (member) => {
      await replicaStub(this.env, this.#cluster, member).beBorn();
    });
    await Promise.race([Promise.allSettled(births), pause(BIRTH_MS_MAX)]);
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
