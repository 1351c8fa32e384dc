// Owns how the commands about keys are typed: get, put, del, watch, txn.

import { Option } from "commander";
import { declare, readId, wholeNumber, type Declaring } from "./declare.ts";

export function declareKeys(declaring: Declaring): void {
  declareGet(declaring);
  declarePut(declaring);
  declareDelete(declaring);
  declareWatch(declaring);
  declareTxn(declaring);
}

function declareGet(declaring: Declaring): void {
  declare(declaring, {
    usage: "get <key> [range-end]",
    summary: "read a key, or many",
    description:
      "Reads a key and prints its value as it is. With --prefix, or with a range-end (the first key " +
      "that is not read), lists keys and values instead. Exit code 3: there is no such key.",
    examples: [
      ["edgekeeper get flags/checkout", "the value, and nothing else"],
      ["edgekeeper get flags/ --prefix", "all flags, in a table"],
      ["edgekeeper get flags/ --prefix --json", "the same, for programs"],
      ["edgekeeper get flags/checkout --revision 7", "the value that it had at revision 7"],
    ],
    run: async () => (await import("./get.ts")).runGet,
  })
    .option("--prefix", "all keys that begin with the key")
    .option("--limit <n>", "at most so many keys", wholeNumber(1))
    .option("--revision <n>", "as of this revision", wholeNumber(1))
    .option("--serializable", "whatever the nearest replica has: faster, and maybe old")
    .option("--keys-only", "keys without values")
    .option("--count-only", "how many keys there are")
    .addOption(
      new Option("--order <order>", "ascending or descending").choices(["ascend", "descend"]),
    )
    .addOption(new Option("--sort-by <field>", "what --order is about").choices(SORT_FIELDS))
    .option("--no-newline", "end after the value's last byte");
}

const SORT_FIELDS = ["key", "version", "create", "mod", "value"];

function declarePut(declaring: Declaring): void {
  declare(declaring, {
    usage: "put <key> <value>",
    summary: "write a key",
    description:
      "Writes a key. The value - is read from standard input, whatever bytes there are. With " +
      "--if-revision or --if-absent it is written only if nobody else has; exit code 3 says that " +
      "somebody had.",
    examples: [
      ["edgekeeper put flags/checkout on", "writes it, and prints the revision"],
      ["edgekeeper put logo - < logo.png", "a value from a file"],
      ["edgekeeper put flags/checkout off --if-revision 2", "only if it has not changed since"],
      ["edgekeeper put services/api/1 http://10.0.0.1 --lease 7", "gone when lease 7 ends"],
    ],
    run: async () => (await import("./put.ts")).runPut,
  })
    .option("--lease <id>", "the key goes when this lease ends", readId)
    .option("--previous", "print what it was before")
    .option("--if-absent", "only if there is no such key")
    .option("--if-revision <n>", "only if it was last changed at this revision", wholeNumber(1));
}

function declareDelete(declaring: Declaring): void {
  declare(declaring, {
    usage: "del <key> [range-end]",
    summary: "delete a key, or many",
    description:
      "Deletes a key, or with --prefix or a range-end many, all in one revision. Exit code 3: there was none.",
    examples: [
      ["edgekeeper del flags/checkout", "deletes it"],
      ["edgekeeper del flags/ --prefix --previous", "deletes all flags, and prints what they were"],
    ],
    run: async () => (await import("./del.ts")).runDelete,
  })
    .option("--prefix", "all keys that begin with the key")
    .option("--previous", "print what was deleted");
}

function declareWatch(declaring: Declaring): void {
  declare(declaring, {
    usage: "watch <key> [range-end]",
    summary: "print changes as they happen, until Ctrl-C",
    description:
      "Prints changes as they happen, until Ctrl-C. It reconnects by itself, misses nothing and " +
      "prints nothing twice. With --json each line is an object.",
    examples: [
      ["edgekeeper watch flags/ --prefix", "changes of all flags, from now on"],
      ["edgekeeper watch flags/ --prefix --from 7", "from revision 7 on"],
      ["edgekeeper watch jobs/ --prefix --max-events 1", "waits for one change"],
    ],
    run: async () => (await import("./watch.ts")).runWatch,
  })
    .option("--prefix", "all keys that begin with the key")
    .option("--from <revision>", "begin in the past", wholeNumber(1))
    .option("--previous", "with what was there before")
    .option("--max-events <n>", "end after so many", wholeNumber(1));
}

function declareTxn(declaring: Declaring): void {
  declare(declaring, {
    usage: "txn [file]",
    summary: "compare, and write, in one step",
    description:
      "Reads a transaction from a file or standard input, in etcdctl's words: comparisons, an empty " +
      "line, what to do if all of them hold, an empty line, what to do if not. Exit code 3: they did " +
      "not hold.",
    examples: [
      [
        `printf 'mod("lock") = "0"\\n\\nput lock me\\n\\nget lock\\n\\n' | edgekeeper txn`,
        "takes a lock that nobody has, or shows who has it",
      ],
      ["edgekeeper txn change.txn --json", "from a file, for programs"],
    ],
    run: async () => (await import("./txn.ts")).runTxn,
  });
}
