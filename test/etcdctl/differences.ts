// Owns where etcdctl prints something else of us than of the etcd of its version, and why. Each is a row of
// `docs/differences-from-etcd.md`; most are etcd's own between these versions and 3.7.

interface Difference {
  /** The invocation's words, exactly. */
  readonly args: string;
  readonly why: string;
  /** What is printed of etcd, and what of us. */
  readonly there: string;
  readonly here: string;
}

const NO_BBOLT = "the file has a format of our own, which the server restores from";
const ANYBODY = "3.7 asks who it is that asks this, while authentication is on";
const NOT_ROOT = "3.7 lets root alone do it, and says so with the code that it has";
const NOBODY = "Error: etcdserver: user name is empty";
const DENIED = "Error: etcdserver: permission denied";

export const DIFFERENCES: readonly Difference[] = [
  {
    args: "snapshot status {file}",
    why: NO_BBOLT,
    there: "HASH, N, N, SIZE\nends with 0",
    here: "Error: file size too small\nends with 1",
  },
  {
    args: "snapshot status {file}",
    why: NO_BBOLT,
    there: "HASH, N, N, SIZE\nDeprecated: Use `etcdutl snapshot status` instead.\nends with 0",
    here: "Deprecated: Use `etcdutl snapshot status` instead.\nError: file size too small\nends with 1",
  },
  {
    args: "alarm list -w json",
    why: "etcd 3.4 fills in no header",
    there: '{"alarms":[{"alarm":1}]}\nends with 0',
    here: '{"header":{"cluster_id":id1,"member_id":id2,"revision":47,"raft_term":N},"alarms":[{"alarm":1}]}\nends with 0',
  },
  {
    args: "member add third --peer-urls=http://enam:2380 --learner",
    why: "ids are never made of addresses here, so it is the address that is there already",
    there: "Error: etcdserver: member ID already exist\nends with 1",
    here: "Error: etcdserver: Peer URLs already exists\nends with 1",
  },
  {
    args: "member list",
    why: ANYBODY,
    there: "id2, started, NAME, http://ENDPOINT, false\nends with 0",
    here: `${NOBODY}\nends with 1`,
  },
  {
    args: "endpoint status",
    why: ANYBODY,
    there: "ENDPOINT, id2, VERSION, SIZE, true, false N N N,\nends with 0",
    here: "Failed to get the status of endpoint ENDPOINT (etcdserver: user name is empty)\nends with 1",
  },
  {
    args: "lease keep-alive --once {lease}",
    why: ANYBODY,
    there: "lease id10 keepalived with TTL(100)\nends with 0",
    here: `${NOBODY}\nends with 2`,
  },
  {
    args: "compaction 8 --user alice:pass",
    why: NOT_ROOT,
    there: "compacted revision 8\nends with 0",
    here: `${DENIED}\nends with 1`,
  },
  {
    args: "snapshot save {file} --user alice:pass",
    why: NOT_ROOT,
    there: "Error: rpc error: code = Unknown desc = auth: permission denied\nends with 5",
    here: `${DENIED}\nends with 5`,
  },
  {
    args: "defrag --user alice:pass",
    why: NOT_ROOT,
    there:
      "Failed to defragment etcd member[ENDPOINT] (rpc error: code = Unknown desc = auth: permission denied)\nends with 1",
    here: "Failed to defragment etcd member[ENDPOINT] (etcdserver: permission denied)\nends with 1",
  },
  {
    args: "move-leader 1234 --user alice:pass",
    why: NOT_ROOT,
    there: "Error: etcdserver: bad leader transferee\nends with 1",
    here: `${DENIED}\nends with 1`,
  },
];
