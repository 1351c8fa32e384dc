// Owns what is typed about keys: puts, ranges, deletions, transactions, watches, compaction.

import { asked, inAllFormats, run, until, type Invocation } from "../invocation.ts";

const COMPARE_AND_PUT = `mod("a") = "10"\nvalue("b") > "1"\n\nput a changed\nget a\n\nget b\n\n`;
const FAILING = `create("a") = "0"\n\nput a no\n\nget a\ndel nothing\n\n`;
const EVERY_COMPARISON =
  `ver("a") > "0"\nmod("a") < "99"\nc("b") = "3"\nval("a") = "changed"\n\n` +
  `get a z --limit=1\ndel b --prev-kv\nput b again\n\n\n`;

const PUTS: readonly Invocation[] = [
  run("put a 1"),
  run("put b 2 -w json"),
  run("put b 3 --prev-kv"),
  run("put b 3 --prev-kv -w fields"),
  run("put b 3 --prev-kv -w table"),
  asked("put typed", "from the input"),
  run("put dash -- -1"),
  run("put '' nothing"),
  run("put a --ignore-value"),
  run("put a x --ignore-value"),
  run("put nobody --ignore-value"),
  run("put nobody x --ignore-lease"),
  run("put a 1 --ignore-lease"),
  run("put a x --lease=1234"),
  run("put a x --lease=nothex"),
  run("put a"),
  run("put"),
];

const GETS: readonly Invocation[] = [
  run("get a"),
  run("get a -w fields"),
  run("get a -w table"),
  run("get a -w json"),
  run("get a --hex"),
  run("get a --print-value-only"),
  run("get b --rev=3 -w json"),
  run("get b --rev=99"),
  run("get b --rev=-1"),
  run("get missing"),
  run("get missing -w json"),
  run("get '' --prefix --keys-only"),
  run("get '' --from-key --print-value-only"),
  run("get a --from-key --limit=1 -w json"),
  run("get a --prefix --from-key"),
  run("get '' --prefix --count-only -w fields"),
  run("get a z --count-only"),
  run("get a z --order=DESCEND --sort-by=MODIFY"),
  run("get a z --order=ASCEND --sort-by=VERSION --keys-only"),
  run("get a z --order=DESCEND --sort-by=CREATE --limit=2"),
  run("get a z --order=DESCEND --sort-by=KEY --keys-only"),
  run("get a z --sort-by=VALUE"),
  run("get a z --order=UP"),
  run("get a z --sort-by=SIZE"),
  run("get z a"),
  run("get a --consistency=s"),
  run("get a --consistency=l"),
  run("get a --consistency=x"),
  run("get a b c"),
];

const TRANSACTIONS: readonly Invocation[] = [
  asked("txn -i=false", COMPARE_AND_PUT),
  asked("txn -i", FAILING),
  asked("txn -w json", FAILING),
  asked("txn -w fields", EVERY_COMPARISON),
  asked("txn", `version("a") = "x"\n\n`),
  asked("txn", `size("a") = "1"\n\n`),
  asked("txn", `\nput a 1\nput a 2\n\n\n`),
  asked("txn", `\n\n\n`),
];

const DELETIONS: readonly Invocation[] = [
  run("put c 1"),
  run("put c1 1"),
  run("put c2 1"),
  run("put d 1"),
  run("put d1 1"),
  run("del c --prev-kv"),
  run("del c"),
  run("del c1 c2 -w json"),
  run("del c2 c3 --range"),
  run("del c --prefix --prev-kv -w fields"),
  run("del d --from-key --prev-kv -w json"),
  run("del d --prefix --from-key"),
  run("del ''"),
  run("del"),
  run("put c 2"),
];

const WATCHES: readonly Invocation[] = [
  until(9, "watch a --rev=1 --prefix -w simple"),
  until(1, "watch b --rev=3 --prev-kv -w json"),
  until(6, "watch b --rev=3 --prev-kv"),
  until(12, "watch c z --rev=10 --prev-kv"),
  until(14, "watch b --rev=4 --prev-kv -w fields"),
  until(2, "watch a --rev=2 -- echo seen"),
  { ...until(3, "watch -i"), input: "watch a --rev=2\n" },
  { ...until(3, "watch -i"), input: "nonsense\nwatch a --rev=2\n" },
  run("watch"),
];

/** Before anything else is written: names of locks are random, and so are hashes from then on. */
const COMPACTION: readonly Invocation[] = [
  run("endpoint hashkv"),
  run("endpoint hashkv --rev=2"),
  run("compaction 4"),
  run("compaction 4"),
  run("compaction 400"),
  run("compaction x"),
  run("compaction"),
  run("compaction 6 --physical"),
  ...inAllFormats("endpoint hashkv"),
  run("endpoint hashkv --cluster"),
  run("endpoint hashkv --rev=10"),
  run("endpoint hashkv --rev=3"),
  run("endpoint hashkv --rev=4000"),
  run("get b --rev=2"),
  until(1, "watch b --rev=2"),
];

export const KEYS: readonly Invocation[] = [
  ...PUTS,
  ...GETS,
  ...TRANSACTIONS,
  ...DELETIONS,
  ...WATCHES,
  ...COMPACTION,
];
