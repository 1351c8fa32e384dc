// Owns asking a running Edgekeeper through etcd's JSON gateway, as a history records it: one action
// on one key, and what became of it.

import type { Action, Outcome, Version } from "./history.ts";

/** As long as etcd's clients commonly wait. */
const DEADLINE_MS = 10_000;

export interface GatewayKeyValue {
  readonly key: string;
  readonly mod_revision: string;
  /** Absent in events that delete. */
  readonly value?: string;
}

interface GatewayAnswer {
  readonly header: { readonly revision: string };
  readonly kvs?: readonly GatewayKeyValue[];
  readonly deleted?: string;
  readonly succeeded?: boolean;
  readonly responses?: readonly { readonly response_range?: GatewayAnswer }[];
}

const encodeBase64 = (text: string): string => Buffer.from(text).toString("base64");
export const decodeBase64 = (text: string): string => Buffer.from(text, "base64").toString();

/** `[key, rangeEnd)` of all keys that begin with `prefix`, which ends below `\xff`. */
export function prefixRange(prefix: string): { key: string; range_end: string } {
  const last = prefix.charCodeAt(prefix.length - 1);
  const end = prefix.slice(0, -1) + String.fromCharCode(last + 1);
  return { key: encodeBase64(prefix), range_end: encodeBase64(end) };
}

/** Performs one action; never throws: what is not known is `unknown`. */
export async function perform(url: string, key: string, action: Action): Promise<Outcome> {
  const { path, body } = requestOf(encodeBase64(key), action);
  let response: Response;
  let answer: GatewayAnswer;
  try {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    response = await fetch(url + path, { method: "POST", body: JSON.stringify(body), signal });
    answer = (await response.json()) as GatewayAnswer;
  } catch (error) {
    return { kind: wasRefused(error) ? "failed" : "unknown" };
  }
  if (response.ok) return outcomeOf(action, answer);
  // A request that was at fault has changed nothing. Whatever else went wrong may have come late.
  return { kind: response.status < 500 ? "failed" : "unknown" };
}

/** Whether there was nobody who could have received the request. */
const wasRefused = (error: unknown): boolean =>
  error instanceof TypeError &&
  (error.cause as { code?: string } | undefined)?.code === "ECONNREFUSED";

function requestOf(key: string, action: Action): { path: string; body: object } {
  switch (action.kind) {
    case "get":
      return { path: "/v3/kv/range", body: { key } };
    case "put":
      return { path: "/v3/kv/put", body: { key, value: encodeBase64(action.value) } };
    case "delete":
      return { path: "/v3/kv/deleterange", body: { key } };
    case "compareAndSet":
      return {
        path: "/v3/kv/txn",
        body: {
          compare: [{ key, target: "MOD", result: "EQUAL", mod_revision: `${action.expected}` }],
          success: [{ request_put: { key, value: encodeBase64(action.value) } }],
          failure: [{ request_range: { key } }],
        },
      };
    default:
      return action satisfies never;
  }
}

function outcomeOf(action: Action, answer: GatewayAnswer): Outcome {
  const revision = Number(answer.header.revision);
  switch (action.kind) {
    case "get":
      return { kind: "ok", revision, wrote: false, found: versionOf(answer) };
    case "put":
      return { kind: "ok", revision, wrote: true };
    case "delete":
      return { kind: "ok", revision, wrote: Number(answer.deleted ?? "0") > 0 };
    case "compareAndSet": {
      if (answer.succeeded === true) return { kind: "ok", revision, wrote: true };
      const range = answer.responses?.[0]?.response_range;
      return { kind: "ok", revision, wrote: false, found: range ? versionOf(range) : null };
    }
    default:
      return action satisfies never;
  }
}

function versionOf({ kvs }: GatewayAnswer): Version | null {
  const kv = kvs?.[0];
  if (kv === undefined) return null;
  return { value: decodeBase64(kv.value ?? ""), modRevision: Number(kv.mod_revision) };
}
