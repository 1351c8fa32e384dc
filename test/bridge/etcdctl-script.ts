// Owns what is typed into etcdctl to compare two servers: both begin empty, so revisions are the same.

export interface Invocation {
  /** `{lease}` stands for the lease that was granted last. */
  readonly args: string;
  readonly input?: string;
  /** Lines after which the program is ended: it would go on for ever. */
  readonly lines?: number;
}

const run = (args: string): Invocation => ({ args });
const until = (lines: number, args: string): Invocation => ({ args, lines });
const ROOT = "--user root:secret";

const COMPARE_AND_PUT = `mod("a") = "2"\nvalue("b") > "1"\n\nput a changed\nget a\n\nget b\n\n`;
const FAILING = `create("a") = "0"\n\nput a no\n\nget a\ndel nothing\n\n`;

const KEYS: readonly Invocation[] = [
  run("put a 1"),
  run("put b 2 -w json"),
  run("put b 3 --prev-kv"),
  run("get a"),
  run("get a -w fields"),
  run("get a --print-value-only"),
  run("get b --rev=3 -w json"),
  run("get b --rev=99"),
  run("get missing"),
  run("get '' --prefix --keys-only"),
  run("get a --from-key --limit=1 -w json"),
  run("get '' --prefix --count-only -w fields"),
  run("get a z --order=DESCEND --sort-by=MODIFY"),
  run("get a --consistency=s"),
  { args: "txn -i=false", input: COMPARE_AND_PUT },
  { args: "txn -w json", input: FAILING },
  { args: "txn", input: `version("a") = "x"\n\n` },
  run("put '' nothing"),
  run("put a --ignore-value"),
  run("put nobody --ignore-value"),
  run("put a x --lease=1234"),
  run("put c 1"),
  run("del c --prev-kv"),
  run("del c"),
  run("endpoint hashkv"),
  run("endpoint hashkv --rev=2"),
  until(9, "watch a --rev=1 --prefix -w simple"),
  until(1, "watch b --rev=3 --prev-kv -w json"),
  run("compaction 4"),
  run("compaction 4"),
  run("compaction 400"),
  run("get b --rev=2"),
  until(1, "watch b --rev=2"),
];

const LEASES: readonly Invocation[] = [
  run("lease grant 100"),
  run("put leased 1 --lease={lease}"),
  run("get leased -w json"),
  run("lease timetolive {lease} --keys"),
  run("lease keep-alive --once {lease}"),
  until(1, "lease keep-alive {lease}"),
  run("lease list"),
  run("lease revoke {lease}"),
  run("lease revoke {lease}"),
  run("lease timetolive {lease}"),
  run("lease keep-alive --once {lease}"),
  run("get leased"),
  run("lease grant 10000000000"),
];

const RECIPES: readonly Invocation[] = [
  run("lock mutex echo held"),
  until(1, "lock mutex"),
  until(2, "elect room me"),
  until(9, "elect room someone -w fields"),
];

const MAINTENANCE: readonly Invocation[] = [
  run("member list"),
  run("member list -w json"),
  run("member remove 1234"),
  run("member promote 1234"),
  run("endpoint status"),
  run("endpoint status --cluster"),
  run("endpoint health"),
  run("endpoint health --cluster"),
  run("alarm list"),
  run("alarm disarm"),
  run("defrag"),
  run("move-leader 1234"),
  run("snapshot save {file}"),
];

const USERS: readonly Invocation[] = [
  run("auth status"),
  run("auth enable"),
  run("user add root:secret"),
  run("user add alice:pass"),
  run("user add alice:pass"),
  run("user add nopass --no-password"),
  run("role add reader"),
  run("role grant-permission reader read a b"),
  run("role grant-permission reader readwrite c/ --prefix"),
  run("role get reader"),
  run("role get nobody"),
  run("role list"),
  run("user grant-role alice reader"),
  run("user get alice"),
  run("user get alice --detail"),
  run("user list"),
  run("role add root"),
  run("user grant-role root root"),
  run("auth enable"),
  run("get a"),
  run(`get a ${ROOT}`),
  run("get a --user alice:pass"),
  run("get b --user alice:pass"),
  run("put a x --user alice:pass"),
  run("put c/1 x --user alice:pass"),
  run("get a --user alice:wrong"),
  run("get a --user nobody:wrong"),
  run("user list --user alice:pass"),
  until(3, "watch c/ --prefix --rev=5 --user alice:pass"),
  run("watch d --user alice:pass"),
  run(`user delete root ${ROOT}`),
  run(`role revoke-permission reader a b ${ROOT}`),
  run(`user revoke-role alice reader ${ROOT}`),
  run(`role delete reader ${ROOT}`),
  run(`user delete alice ${ROOT}`),
  run(`auth disable ${ROOT}`),
  run("auth disable"),
];

/** In the order in which it is typed. */
export const SCRIPT: readonly Invocation[] = [
  ...KEYS,
  ...LEASES,
  ...RECIPES,
  ...MAINTENANCE,
  ...USERS,
];
