// Owns the bytes and the rules of birth and of the end: what Genesis issues, how a replica keeps it,
// and that it was removed.
//
// An emptied object looks like one that was never used, and a blank vote can lose committed writes.
// So an object becomes a replica only with a certificate, and Genesis issues one for each name. The
// nonce tells a repeated request (the answer was lost) from a second life (the database was).

import { decodeDirectory, encodeDirectory } from "../api/directory.ts";
import type { Directory, Member } from "../api/replica.ts";
import { assert, present } from "../base/assert.ts";
import type { SqlPort } from "../base/ports.ts";
import { asIncarnation, asMemberId, type Incarnation } from "../base/types.ts";
import type { Identity } from "../replica/core.ts";

/** What Genesis issues to one replica, once. */
export interface Certificate {
  readonly member: Member;
  /**
   * The members that it is born among: with itself when it is one of the first. One that joins
   * later is not among them.
   */
  readonly directory: Directory;
}

/** What Genesis answers to a request for a certificate. */
export type CertificateAnswer =
  | { readonly kind: "certified"; readonly certificate: Certificate }
  /** The name belongs to no first member: membership comes from the log, not from configuration. */
  | { readonly kind: "stranger" }
  /** The name was certified to an earlier life that is lost: this one must be added anew. */
  | { readonly kind: "replaced" };

/** Where a replica stands: what its name says. */
export type NamedPlace = Pick<Member, "region" | "generation">;

/** The name of a replica, which says where it belongs. */
export const replicaName = (cluster: string, { region, generation }: NamedPlace): string =>
  `${cluster}/${region}/${generation}`;

/** The parts of `replicaName`. */
export function parseReplicaName(name: string): NamedPlace & { readonly cluster: string } {
  const [cluster, region, generation] = name.split("/");
  assert(cluster !== undefined && region !== undefined, "a replica is named after its place");
  return { cluster, region, generation: Number(generation) };
}

/** The nonce of this life, made and stored when there is none. */
export function birthNonce(sql: SqlPort, random: () => string): string {
  const row = sql.all<{ birth_nonce: string }>("SELECT birth_nonce FROM meta")[0];
  if (row !== undefined) return row.birth_nonce;
  const nonce = random();
  sql.run("INSERT INTO meta (id, birth_nonce) VALUES (0, ?)", nonce);
  return nonce;
}

export function storeCertificate(sql: SqlPort, { member, directory }: Certificate): void {
  sql.run(
    "UPDATE meta SET cluster_id = ?, member_id = ?, directory = ?",
    directory.clusterId.toString(),
    member.id.toString(),
    encodeDirectory(directory),
  );
}

/**
 * Who this replica is; null without a certificate. The configuration is the one that it is born
 * with: all of the first members vote. One that joins knows of no voter, not even of itself, and so
 * can neither vote nor campaign before the log or a snapshot has told it who does.
 */
export function loadIdentity(sql: SqlPort): Identity | null {
  const row = sql.all<{ member_id: string | null; directory: string | null }>(
    "SELECT member_id, directory FROM meta",
  )[0];
  if (row === undefined || row.member_id === null) return null;
  const memberId = asMemberId(BigInt(row.member_id));
  const directory = decodeDirectory(present(row.directory, "a certificate has a directory"));
  const members = directory.members.map(({ id }) => id);
  const voters = members.includes(memberId) ? members : [];
  return { memberId, directory, configuration: { voters, outgoing: [], learners: [] } };
}

/** The directory that a removed replica names to those who still call it; null for all others. */
export function loadRemoval(sql: SqlPort): Directory | null {
  const row = sql.all<{ removed: number; directory: string }>(
    "SELECT removed, directory FROM meta",
  )[0];
  return row?.removed === 1 ? decodeDirectory(row.directory) : null;
}

/** Ends this replica: no instance ever starts it again. */
export function storeRemoval(sql: SqlPort, directory: Directory): void {
  sql.run("UPDATE meta SET removed = 1, directory = ?", encodeDirectory(directory));
}

/** Raises the incarnation durably: before anything that this instance sends. */
export function raiseIncarnation(sql: SqlPort): Incarnation {
  sql.run("UPDATE meta SET incarnation = incarnation + 1");
  const row = sql.all<{ incarnation: number }>("SELECT incarnation FROM meta")[0];
  return asIncarnation(present(row, "a replica has its meta row").incarnation);
}
