// Owns the words of disaster recovery: a cluster that has lost its majority is rebuilt from one
// replica.

import { z } from "zod";
import { RECOVERY_REVISIONS_MAX } from "../base/limits.ts";
import type { Result } from "../base/result.ts";
import { asClusterId, type ClusterId, type LogIndex, type Term } from "../base/types.ts";
import { parseBody } from "./plain-body.ts";
import { isRegion } from "./regions.ts";
import type { Directory, Founder, Member } from "./replica.ts";

export interface RecoveryOrder {
  /** The replica to go on from: of those that are left, the one that has applied most. */
  readonly from: Pick<Member, "region" | "generation">;
  /** Where the first replica of the rebuilt cluster lives; the others are added to it as usual. */
  readonly region: string;
  /** The id of the cluster that is given up, so that nobody does it by accident. */
  readonly confirm: ClusterId;
  /** How far revisions leap: above any that a client may have seen. Absent: a thousand million. */
  readonly bumpRevisions?: number;
}

/** Of a replica that was filled from a snapshot file, to become the first of a new cluster. */
export interface FoundingOrder {
  readonly founder: Founder;
  /** Of the entry that the snapshot ends with. */
  readonly index: LogIndex;
  readonly term: Term;
  /** How far revisions leap; 0 for a snapshot whose revisions nobody remembers. */
  readonly bumpRevisions: number;
}

export type RecoveryAnswer =
  /** The cluster goes on with one member, under another id, from this revision. */
  | { readonly kind: "recovered"; readonly directory: Directory; readonly revision: number }
  /** Nothing has changed. */
  | { readonly kind: "refused"; readonly reason: RecoveryRefusal; readonly detail: string };

export type RecoveryRefusal =
  /** There is no such cluster, or `confirm` is not its id. */
  | "notConfirmed"
  /** A majority answers: nothing is lost. */
  | "isAlive"
  /** There is a cluster of that name, and it is not replaced by a snapshot. */
  | "exists"
  /** The replica to go on from does not answer, has moved meanwhile, or is damaged. */
  | "notCopied";

/** A cluster's id in JSON: it has 64 bits, so it is a string. */
const DECIMAL_ID = /^\d{1,20}$/;

/**
 * Reads `{"from":{"region","generation"},"region","confirm","bump_revisions"}`; the last may be
 * absent. Refused with a sentence for the person who sent it: a field that is misspelt is not
 * overlooked, for this is no place to guess.
 */
export const parseRecovery = (
  body: string,
  configured: readonly string[],
): Result<RecoveryOrder, string> => parseBody(recoveryBody(configured), body);

/** The body's schema. */
export function recoveryBody(configured: readonly string[]) {
  const region = (field: string): z.ZodString =>
    z
      .string(`${field} is the name of a region`)
      .refine((name) => isRegion(name, configured), `${field} is no region`);
  const from = z.strictObject(
    {
      region: region("from.region"),
      generation: z.int("from.generation is a number, as the members are listed with").min(1, {
        error: "generations begin with 1",
      }),
    },
    'from is the replica to go on from, {"region": ..., "generation": ...}, and nothing else',
  );
  return z
    .strictObject(
      {
        from,
        region: region("region"),
        confirm: z
          .string("confirm is the id of the cluster that is given up, a decimal number as a string")
          .regex(DECIMAL_ID, "confirm is a cluster's id, a decimal number as a string"),
        bump_revisions: z
          .int("bump_revisions is a number")
          .min(1, "revisions go forward")
          .max(RECOVERY_REVISIONS_MAX, `bump_revisions is at most ${RECOVERY_REVISIONS_MAX}`)
          .optional(),
      },
      "the body has from, region and confirm, and may have bump_revisions; nothing else",
    )
    .transform(({ bump_revisions: bumpRevisions, confirm, ...places }): RecoveryOrder => ({
      ...places,
      confirm: asClusterId(BigInt(confirm)),
      ...(bumpRevisions === undefined ? {} : { bumpRevisions }),
    }));
}
