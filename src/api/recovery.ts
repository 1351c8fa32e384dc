// Owns the words of disaster recovery: a cluster that has lost its majority is rebuilt from one
// replica.

import type { Directory, Member } from "./replica.ts";
import type { ClusterId } from "../base/types.ts";

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
  /** The replica to go on from does not answer, has moved meanwhile, or is damaged. */
  | "notCopied";
