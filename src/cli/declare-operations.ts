// Owns how the commands for whoever runs a cluster are typed: status, member, snapshot, import,
// export, bench, doctor.

import { Option } from "commander";
import { declare, declareGroup, readList, wholeNumber, type Declaring } from "./declare.ts";

export function declareOperations(declaring: Declaring): void {
  declareStatus(declaring);
  declareMembers(declareGroup(declaring, "member", "see and change where a cluster lives"));
  declareSnapshots(declareGroup(declaring, "snapshot", "back a cluster up, and restore it"));
  declareExport(declaring);
  declareImport(declaring);
  declareBench(declaring);
}

function declareStatus(declaring: Declaring): void {
  declare(declaring, {
    usage: "status",
    summary: "what each replica says of itself",
    description:
      "Prints what each replica says of itself, which needs no leader. Exit code 4: nobody leads.",
    examples: [["edgekeeper status --cluster flags", "of the cluster flags"]],
    run: async () => (await import("./status.ts")).runStatus,
  });
  declare(declaring, {
    usage: "doctor",
    summary: "check a deployment, and say what to mend",
    description:
      "Checks a deployment: whether it answers and lets you in, replicas, leader, round trips between " +
      "regions, locations, clocks, storage, alarms, users. Each line is ok, warn or fail, with what " +
      "to do. Exit code 1: something failed; 4: nobody answered; 5: it did not let you in.",
    examples: [
      ["edgekeeper doctor", "the development server"],
      ["edgekeeper doctor --endpoint https://kv.example --token $TOKEN", "a deployment"],
    ],
    run: async () => (await import("./doctor.ts")).runDoctor,
  });
}

function declareMembers(group: Declaring): void {
  declare(group, {
    usage: "list",
    summary: "the members, and the regions that they live in",
    examples: [["edgekeeper member list", "who votes, who learns, who leads"]],
    run: async () => (await import("./member.ts")).runMembers,
  });
  declare(group, {
    usage: "add <region>",
    summary: "add a replica in a region",
    examples: [
      ["edgekeeper member add apac --learner", "one without a vote, until it is promoted"],
    ],
    run: async () => (await import("./member.ts")).runAdd,
  }).option("--learner", "without a vote");
  declare(group, {
    usage: "remove <member>",
    summary: "remove a replica, for ever",
    examples: [["edgekeeper member remove enam", "by region, or by id"]],
    run: async () => (await import("./member.ts")).runRemove,
  });
  declare(group, {
    usage: "promote <member>",
    summary: "give a learner a vote",
    examples: [["edgekeeper member promote apac", "by region, or by id"]],
    run: async () => (await import("./member.ts")).runPromote,
  });
  declare(group, {
    usage: "move <regions>",
    summary: "let the cluster live in exactly these regions",
    description:
      "Moves the cluster while it serves, until it has one voter in each of the regions and none " +
      "elsewhere. Interrupted, it goes on when it is sent again.",
    examples: [["edgekeeper member move wnam,weur,apac", "three regions, whatever they were"]],
    run: async () => (await import("./member.ts")).runMove,
  });
  declare(group, {
    usage: "lead <member>",
    summary: "hand leadership over to a member",
    examples: [["edgekeeper member lead weur", "by region, or by id"]],
    run: async () => (await import("./member.ts")).runLead,
  });
}

const regions = (): Option =>
  new Option("--regions <a,b,c>", "where the new cluster's replicas live").argParser(readList);

function declareSnapshots(group: Declaring): void {
  declare(group, {
    usage: "save <file>",
    summary: "save a snapshot to a file",
    description:
      "Saves everything that was acknowledged before, with users and leases. The file is there only " +
      "when it is whole. - is standard output.",
    examples: [["edgekeeper snapshot save default.snapshot", "of the cluster default"]],
    run: async () => (await import("./snapshot-save.ts")).runSave,
  });
  declare(group, {
    usage: "restore <file>",
    summary: "make a new cluster of a snapshot",
    description:
      "Makes a new cluster, named by --cluster, of a snapshot. There must be none of the name.",
    examples: [
      [
        "edgekeeper snapshot restore default.snapshot --cluster yesterday",
        "as the cluster yesterday",
      ],
    ],
    run: async () => (await import("./snapshot-restore.ts")).runRestore,
  })
    .addOption(regions())
    .addOption(
      new Option("--jurisdiction <name>", "where its data must stay").choices([
        "eu",
        "us",
        "fedramp",
      ]),
    )
    .option("--bump-revisions <n>", "how far revisions leap (default: 1000000000)", wholeNumber(0));
}

const FORMAT_HELP =
  "The file has one JSON object a line: keys, values, and the leases that they are of; it begins and " +
  "ends with a line that tells how many there are, so that one that was cut off is told from a whole one.";

function declareExport(declaring: Declaring): void {
  declare(declaring, {
    usage: "export [file]",
    summary: "write keys to a file, or to an etcd",
    description: `Writes all keys as of one revision to a file, to standard output, or to a running etcd. ${FORMAT_HELP}`,
    examples: [
      ["edgekeeper export backup.jsonl", "all keys"],
      ["edgekeeper export --prefix flags/ | jq .key", "some, to standard output"],
      ["edgekeeper export --to-etcd http://127.0.0.1:2379", "into a running etcd, leases too"],
    ],
    run: async () => (await import("./export.ts")).runExport,
  })
    .option("--prefix <prefix>", "only keys that begin so")
    .option("--revision <n>", "as of this revision", wholeNumber(1))
    .option("--to-etcd <url>", "into the etcd that answers there")
    .option("--etcd-user <name:password>", "a user of that etcd");
}

function declareImport(declaring: Declaring): void {
  declare(declaring, {
    usage: "import [file]",
    summary: "read keys from a file, or from an etcd",
    description:
      "Writes the keys of a file, of standard input, or of a running etcd. Keys that are there are " +
      "overwritten, others stay. Leases come along: by the same ids, begun anew. Revisions do not.",
    examples: [
      ["edgekeeper import backup.jsonl", "what export has written"],
      [
        "edgekeeper import --from-etcd http://127.0.0.1:2379",
        "all of a running etcd, at one revision",
      ],
      ["edgekeeper import --from-etcd http://127.0.0.1:2379 --prefix flags/", "some of it"],
    ],
    run: async () => (await import("./import.ts")).runImport,
  })
    .option("--prefix <prefix>", "only keys that begin so")
    .option("--from-etcd <url>", "from the etcd that answers there")
    .option("--etcd-user <name:password>", "a user of that etcd")
    .option("--no-leases", "keys of leases stay for good");
}

function declareBench(declaring: Declaring): void {
  declare(declaring, {
    usage: "bench",
    summary: "a small load, and how long requests take",
    description:
      "Puts and gets keys below a prefix of its own, and deletes them. It tells what this machine " +
      "sees of this deployment now; it is no comparison of systems.",
    examples: [
      ["edgekeeper bench", "1,000 puts and 1,000 gets, 16 at a time"],
      ["edgekeeper bench --requests 10000 --concurrency 64", "more"],
    ],
    run: async () => (await import("./bench.ts")).runBench,
  })
    .option("--requests <n>", "puts, and as many gets", wholeNumber(1, 1_000_000), 1_000)
    .option("--concurrency <n>", "under way at once", wholeNumber(1, 1_000), 16)
    .option("--value-bytes <n>", "the size of a value", wholeNumber(0, 1_000_000), 100)
    .option("--prefix <prefix>", "below which it writes", "edgekeeper-bench/");
}
