// Owns the table of what may differ between etcd 3.5.16 and us, each with a matcher that is as narrow as
// its reason. The reason itself stands in the row of `docs/differences-from-etcd.md` that is named. One
// that explains nothing fails the run: it is stale.

import type { Finding } from "./comparison.ts";
import { DOORS } from "./differences-of-doors.ts";
import { isObject, valueAt, type Json } from "./json.ts";

export interface Difference {
  readonly name: string;
  /** The first cell of the row that says so. */
  readonly row: string;
  readonly explains: (finding: Finding) => boolean;
}

const textAt = (value: Json | undefined, name: string): string | null => {
  const member = isObject(value) ? value[name] : undefined;
  return typeof member === "string" ? member : null;
};
const asks = ({ request }: Finding, path: string): boolean => request.startsWith(`POST ${path} `);
const theirs = ({ etcdLine }: Finding, event: string, message: string): boolean =>
  etcdLine?.event === event && textAt(etcdLine.body, "message") === message;
const ours = ({ ourLine }: Finding, event: string, message: string): boolean =>
  ourLine?.event === event && textAt(ourLine.body, "message") === message;
/** What a stream's error says, in the line that has it. */
const streamError = (line: Finding["ourLine"]): Json | undefined =>
  line?.event === "line" ? valueAt(line.body, "error.code") : undefined;

/** What 3.5.16 checks of all puts of a transaction before it looks at ranges. */
const PUT_FAULTS = ["etcdserver: requested lease not found", "etcdserver: key not found"];
const REVISION_FAULTS = [
  "etcdserver: mvcc: required revision has been compacted",
  "etcdserver: mvcc: required revision is a future revision",
];

/** Whether both have the same items under `name`, in whatever order. */
function haveSame(one: Json | undefined, other: Json | undefined, name: string): boolean {
  const [a, b] = [one, other].map((body) =>
    [...((valueAt(body ?? null, name) as readonly Json[] | undefined) ?? [])]
      .map((item) => JSON.stringify(item))
      .toSorted()
      .join(),
  );
  return a === b;
}

const NOT_FOUND = "404 page not found";
const INVALID_SORT = "etcdserver: invalid sort option";
const INVALID_URLS = "etcdserver: given member URLs are invalid";

export const DIFFERENCES: readonly Difference[] = [
  {
    name: "the body of an error has `error` as well",
    row: "error bodies",
    explains: ({ at, etcd, ours: value, ourLine, stream }) =>
      (stream === "" || ourLine?.event === "line") &&
      at === "/body/error" &&
      etcd === undefined &&
      value === textAt(ourLine?.body, "message"),
  },
  {
    name: "a path outside of the API is answered in JSON",
    row: "a path that is none",
    explains: (finding) =>
      finding.at === "/body" &&
      finding.etcd === NOT_FOUND &&
      ours(finding, "404", "Not Found") &&
      finding.etcdLine?.event === "404",
  },
  {
    name: "a doubled slash leads nowhere",
    row: "a doubled slash in a path",
    explains: (finding) =>
      asks(finding, "/v3//kv/range") &&
      theirs(finding, "501", "Method Not Allowed") &&
      ours(finding, "404", "Not Found"),
  },
  {
    name: "the version is 3.7.1",
    row: "`/version`",
    explains: ({ request, at }) => request === "GET /version" && at.startsWith("/body/"),
  },
  {
    name: "keys_only leaves out leases",
    row: "leases in answers with `keys_only`",
    explains: ({ request, at, ours: value }) =>
      request.includes('"keys_only":true') && /\/kvs\/\d+\/lease$/.test(at) && value === undefined,
  },
  {
    name: "an unknown sort order is refused",
    row: "an unknown number of a sort order or target",
    explains: (finding) =>
      finding.request.includes('"sort_order":9') &&
      finding.etcdLine?.event === "200" &&
      ours(finding, "400", INVALID_SORT),
  },
  {
    name: "an unknown sort target is refused",
    row: "an unknown number of a sort order or target",
    explains: (finding) =>
      finding.request.includes('"sort_target":') &&
      finding.etcdLine?.event === "broken" &&
      ours(finding, "400", INVALID_SORT),
  },
  {
    name: "of several faults of a transaction the first is told",
    row: "several faults of one transaction",
    explains: ({ request, etcdLine, ourLine }) =>
      request.startsWith("POST /v3/kv/txn ") &&
      PUT_FAULTS.includes(textAt(etcdLine?.body, "message") ?? "") &&
      REVISION_FAULTS.includes(textAt(ourLine?.body, "message") ?? ""),
  },
  {
    name: "a transaction that keeps a value that it has deleted runs",
    row: "a value that is kept of a key deleted with all behind it, in one transaction",
    explains: ({ sequence, etcdLine, ourLine }) =>
      sequence === "a key of which something is kept that was deleted with all behind it" &&
      etcdLine?.event === "broken" &&
      ourLine?.event === "200",
  },
  {
    name: "a watch from a negative revision is refused",
    row: "a watch from a negative revision",
    explains: ({ sequence }) => sequence === "negative start",
  },
  {
    name: "no progress is reported while a watch waits for the future",
    row: "progress while a watch waits for a future revision",
    explains: ({ sequence, etcd, ours: value }) =>
      sequence === "progress with one that waits for the future" &&
      value === undefined &&
      valueAt(etcd ?? null, "body.result.watch_id") === "-1",
  },
  {
    name: "a stream whose first document is malformed is refused",
    row: "malformed first document of a stream",
    explains: ({ request, stream, sequence, etcdLine, ourLine }) =>
      stream !== "" &&
      /malformed|lacks something/.test(sequence) &&
      /\{bad|"\*\*\*"/.test(request) &&
      (etcdLine === undefined || etcdLine.event === "200" || etcdLine.event === "end") &&
      (ourLine === undefined ||
        ["400", "end", "closed"].includes(ourLine.event) ||
        streamError(ourLine) === 3),
  },
  {
    name: "a watch that asks for nothing ends",
    row: "a watch without any request in the body",
    explains: ({ request, etcdLine, ourLine }) =>
      /^stream w \/v3\/watch (\{\})?$/.test(request) &&
      etcdLine === undefined &&
      (ourLine?.event === "200" || ourLine?.event === "end"),
  },
  {
    name: "the names and peer URLs of members",
    row: "`peerURLs` of members",
    explains: ({ at, etcdLine, ourLine }) =>
      /^\/body\/members\/0\/(name|peerURLs\/0)$/.test(at) &&
      etcdLine?.event === "200" &&
      ourLine?.event === "200",
  },
  {
    name: "what is no region is no member's URL",
    row: "`peerURLs` of members",
    explains: (finding) =>
      asks(finding, "/v3/cluster/member/update") &&
      theirs(finding, "404", "etcdserver: member not found") &&
      ours(finding, "400", INVALID_URLS),
  },
  {
    name: "the client URLs of members",
    row: "`clientURLs` of members",
    explains: ({ at, etcdLine, ourLine }) =>
      at === "/body/members/0/clientURLs/0" &&
      etcdLine?.event === "200" &&
      ourLine?.event === "200",
  },
  {
    name: "a member is not updated to what is no URL",
    row: "`member/update`",
    explains: (finding) =>
      asks(finding, "/v3/cluster/member/update") &&
      finding.etcdLine?.event === "200" &&
      ours(finding, "400", INVALID_URLS),
  },
  {
    name: "the only member is not removed, with the code of the table",
    row: "`member/remove` with too few started members",
    explains: ({ request, at, etcdLine, ourLine }) =>
      request.startsWith("POST /v3/cluster/member/remove ") &&
      (at === "/event" || at === "/body/code") &&
      etcdLine?.event === "500" &&
      ourLine?.event === "400",
  },
  {
    name: "a hash of a password that is none is refused",
    row: "`hashedPassword` of `user/add` and `user/changepw`",
    explains: (finding) =>
      finding.request.includes('"hashedPassword":"***"') && finding.etcdLine?.event === "200",
  },
  {
    name: "permissions are sorted by their ends as well",
    row: "permissions of a role that begin with the same key",
    explains: ({ request, at, etcdLine, ourLine }) =>
      request.startsWith("POST /v3/auth/role/get ") &&
      at.startsWith("/body/perm/") &&
      haveSame(etcdLine?.body, ourLine?.body, "perm"),
  },
  {
    name: "root's role shows what it may do",
    row: "`role/get` of `root`",
    explains: ({ request, at, etcd }) =>
      request === 'POST /v3/auth/role/get {"role":"root"}' &&
      at === "/body/perm" &&
      etcd === undefined,
  },
  {
    name: "a snapshot says its version, and that something is left before its digest",
    row: "`remaining_bytes` of a snapshot",
    explains: ({ request, at, etcd }) =>
      request.endsWith(" /v3/maintenance/snapshot {}") &&
      (at === "/body/result/version" || at === "/body/result/remaining_bytes") &&
      etcd === undefined,
  },
  ...DOORS,
  {
    name: "an error repeats the beginning of what is wrong",
    row: "what errors repeat of a request",
    explains: ({ at, etcd, ours: value }) =>
      at === "/body/message" &&
      typeof etcd === "string" &&
      typeof value === "string" &&
      value.endsWith('..."') &&
      etcd.startsWith(value.slice(0, -4)),
  },
];
