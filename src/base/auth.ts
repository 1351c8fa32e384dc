// Owns the words of authentication: who asks, who users and roles are, what they may do.
import type { Bytes, ClusterId } from "./types.ts";

export type PermissionType = "read" | "write" | "readwrite";

export interface Permission {
  readonly type: PermissionType;
  readonly key: Bytes;
  readonly rangeEnd: Bytes;
}

/** Who asks, as the router has found it out. */
export type Credentials =
  | { readonly kind: "none" }
  /** A simple token: the replica knows whose it is. */
  | { readonly kind: "token"; readonly token: string }
  /** What a JSON Web Token says that the router has verified. */
  | {
      readonly kind: "user";
      readonly name: string;
      readonly authRevision: number;
      /** The only cluster that it was issued for; absent: it does not say. */
      readonly clusterId?: ClusterId;
    };

export type AuthRequest =
  | { readonly op: "enable" }
  | { readonly op: "disable" }
  | { readonly op: "status" }
  /** `passwordHash` is bcrypt's text; null for a user without a password. */
  | { readonly op: "userAdd"; readonly name: string; readonly passwordHash: string | null }
  | { readonly op: "userDelete"; readonly name: string }
  | {
      readonly op: "userChangePassword";
      readonly name: string;
      readonly passwordHash: string | null;
    }
  | { readonly op: "userGrantRole"; readonly name: string; readonly role: string }
  | { readonly op: "userRevokeRole"; readonly name: string; readonly role: string }
  | { readonly op: "userGet"; readonly name: string }
  | { readonly op: "userList" }
  | { readonly op: "roleAdd"; readonly name: string }
  | { readonly op: "roleDelete"; readonly name: string }
  | { readonly op: "roleGet"; readonly name: string }
  | { readonly op: "roleList" }
  | { readonly op: "roleGrantPermission"; readonly name: string; readonly permission: Permission }
  | {
      readonly op: "roleRevokePermission";
      readonly name: string;
      readonly key: Bytes;
      readonly rangeEnd: Bytes;
    }
  /** For the router alone: what a password is compared with, and the revision that must still
   * hold when the token is issued. */
  | { readonly op: "passwordOf"; readonly name: string }
  /** For the router alone, after it has compared: a simple token; `letters` are 16 random ones,
   * the log index is appended. */
  | {
      readonly op: "issueToken";
      readonly name: string;
      readonly authRevision: number;
      readonly letters: string;
    };

export type AuthAnswer =
  | { readonly op: "done" }
  | { readonly op: "status"; readonly enabled: boolean; readonly authRevision: number }
  | { readonly op: "user"; readonly roles: readonly string[] }
  | { readonly op: "users"; readonly users: readonly string[] }
  | { readonly op: "role"; readonly permissions: readonly Permission[] }
  | { readonly op: "roles"; readonly roles: readonly string[] }
  | {
      readonly op: "password";
      readonly passwordHash: string | null;
      readonly authRevision: number;
    }
  | { readonly op: "token"; readonly token: string };
