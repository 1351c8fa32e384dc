// Owns the part of the table of differences that is about maintenance, authentication, locks, sockets and
// probes.

import type { Finding } from "./comparison.ts";
import type { Difference } from "./differences.ts";
import { valueAt, type Json } from "./json.ts";

const isCanceled = (result: Json): boolean =>
  valueAt(result, "canceled") === true && valueAt(result, "compact_revision") === undefined;

const isPost = ({ request }: Finding, path: string): boolean =>
  request.startsWith(`POST /v3/${path} `);

export const DOORS: readonly Difference[] = [
  {
    name: "status tells what 3.7 tells",
    row: "`maintenance/status`",
    explains: (finding) =>
      isPost(finding, "maintenance/status") &&
      /^\/body\/(version|storageVersion|dbSizeQuota|downgradeInfo)$/.test(finding.at),
  },
  {
    name: "HashKV says of which revision",
    row: "`hash_revision` of HashKV",
    explains: (finding) =>
      isPost(finding, "maintenance/hashkv") &&
      finding.at === "/body/hash_revision" &&
      finding.etcd === undefined,
  },
  {
    name: "HashKV of a negative revision is of the latest",
    row: "`HashKV` of a negative revision",
    explains: ({ request, at }) =>
      request === 'POST /v3/maintenance/hashkv {"revision":-1}' && at === "/body/hash",
  },
  {
    name: "the hash of the whole is of another storage",
    row: "`maintenance/hash`",
    explains: (finding) => isPost(finding, "maintenance/hash") && finding.at === "/body/hash",
  },
  {
    name: "a downgrade is seen from another version",
    row: "`downgrade` `ENABLE`",
    explains: (finding) =>
      isPost(finding, "maintenance/downgrade") &&
      /to one minor less|to no version|under way/.test(finding.sequence),
  },
  {
    name: "no space is left although nothing is corrupt any more",
    row: "NOSPACE once CORRUPT is cleared",
    explains: ({ sequence, request, at }) =>
      sequence === "two alarms" && request === "hash" && at === "/hash/hash",
  },
  {
    name: "a socket is closed in due form",
    row: "the end of a call over WebSocket",
    explains: ({ etcdLine, ourLine }) =>
      etcdLine?.event === "closed" &&
      etcdLine.body === 1006 &&
      (ourLine?.body === 1000 || ourLine === undefined || ourLine.event === "line"),
  },
  {
    name: "a socket to nowhere is told so when it speaks",
    row: "a WebSocket to a path that is none",
    explains: ({ sequence }) => sequence === "an unknown path over a socket",
  },
  {
    name: "a watch that a compaction has ended is not ended again",
    row: "`cancel_request` of a watch that a compaction has ended",
    explains: ({ topic, sequence, etcd, etcdLine, ours }) =>
      (topic === "random" || sequence === "canceled after a compaction has ended it") &&
      ours === undefined &&
      isCanceled(
        etcdLine === undefined ? (etcd ?? null) : (valueAt(etcdLine.body, "result") ?? null),
      ),
  },
  {
    name: "readiness asks whether this is a learner",
    row: "`/readyz`, `non_learner`",
    explains: ({ request, at, ours }) =>
      request.startsWith("GET /readyz") &&
      at === "/body" &&
      typeof ours === "string" &&
      ours.includes("[+]non_learner ok"),
  },
  {
    name: "an empty transaction needs a token too",
    row: "an empty transaction while authentication is on",
    explains: ({ sequence, request }) =>
      sequence === "nobody comes in without a token" && request === "POST /v3/kv/txn {}",
  },
  {
    name: "Bearer tokens are taken",
    row: "`Authorization: Bearer`",
    explains: ({ request, etcdLine }) =>
      request.includes("Authorization: Bearer ") && etcdLine?.event === "401",
  },
  {
    name: "who may not maintain is told so",
    row: "maintenance by who may not",
    explains: ({ request, etcdLine, ourLine }) =>
      /^POST \/v3\/maintenance\/(hashkv|defragment) Authorization/.test(request) &&
      etcdLine?.event === "500" &&
      ourLine?.event === "403",
  },
  {
    name: "a lock tells its fencing token",
    row: "a lock's answer",
    explains: ({ at, etcd }) => at === "/body/create_revision" && etcd === undefined,
  },
];
