// Owns how the commands about leases, locks and elections are typed.

import { Option } from "commander";
import { declare, declareGroup, readId, wholeNumber, type Declaring } from "./declare.ts";

export function declareLeases(declaring: Declaring): void {
  const group = declareGroup(declaring, "lease", "grant, keep alive, and end leases");
  declareLeaseEnds(group);
  declareLeaseViews(group);
  declareLock(declaring);
  declareElect(declaring);
}

const id = (): Option => new Option("--id <id>", "the id that it shall have").argParser(readId);

function declareLeaseEnds(group: Declaring): void {
  declare(group, {
    usage: "grant <ttl>",
    summary: "begin a lease of so many seconds",
    examples: [["edgekeeper lease grant 60", "prints the id of a lease that ends in a minute"]],
    run: async () => (await import("./lease.ts")).runGrant,
  }).addOption(id());
  declare(group, {
    usage: "revoke <id>",
    summary: "end a lease, and delete its keys",
    examples: [["edgekeeper lease revoke 7", "ends lease 7 now"]],
    run: async () => (await import("./lease.ts")).runRevoke,
  });
  declare(group, {
    usage: "keep-alive <id>",
    summary: "keep a lease alive until Ctrl-C",
    description: "Keeps a lease alive until Ctrl-C. Exit code 6: it ended all the same.",
    examples: [
      ["edgekeeper lease keep-alive 7", "for as long as this runs"],
      ["edgekeeper lease keep-alive 7 --once", "for one more TTL"],
    ],
    run: async () => (await import("./lease.ts")).runKeepAlive,
  }).option("--once", "once, and no more");
}

function declareLeaseViews(group: Declaring): void {
  declare(group, {
    usage: "ttl <id>",
    summary: "how long a lease has left",
    examples: [["edgekeeper lease ttl 7 --keys", "with the keys that will go with it"]],
    run: async () => (await import("./lease.ts")).runTimeToLive,
  }).option("--keys", "with its keys");
  declare(group, {
    usage: "list",
    summary: "all leases",
    examples: [["edgekeeper lease list", "their ids"]],
    run: async () => (await import("./lease.ts")).runList,
  });
}

const TTL_HELP = "seconds after which a holder that has died is no holder any more";

function declareLock(declaring: Declaring): void {
  declare(declaring, {
    usage: "lock <name> [command...]",
    summary: "hold a lock, and run a command meanwhile",
    description:
      "Waits for a lock and holds it: until Ctrl-C, or while a command runs, whose exit code it ends " +
      "with. The command finds EDGEKEEPER_FENCING_TOKEN, EDGEKEEPER_LOCK_KEY and EDGEKEEPER_LOCK_NAME " +
      "in its environment. If the lock is lost meanwhile, the command is told to end (SIGTERM), and " +
      "the exit code is 6.",
    examples: [
      ["edgekeeper lock deploy -- ./deploy.sh", "never two deployments at once"],
      ["edgekeeper lock deploy --wait 10 -- ./deploy.sh", "gives up after 10 s, with exit code 4"],
      ["edgekeeper lock deploy", "holds it until Ctrl-C"],
    ],
    run: async () => (await import("./lock.ts")).runLock,
  })
    .option("--ttl <seconds>", TTL_HELP, wholeNumber(2), 60)
    .option("--wait <seconds>", "give up after so long (default: wait for ever)", wholeNumber(0));
}

function declareElect(declaring: Declaring): void {
  declare(declaring, {
    usage: "elect <name> [value]",
    summary: "lead, or see who leads",
    description:
      "Campaigns until elected, and leads until Ctrl-C, which resigns. With --leader or --follow it " +
      "only looks. Exit code 6: the leadership was lost; with --leader, 3: nobody leads.",
    examples: [
      ["edgekeeper elect workers worker-1", "leads as worker-1"],
      ["edgekeeper elect workers --leader", "who leads now"],
      ["edgekeeper elect workers --follow", "who leads, from now on"],
    ],
    run: async () => (await import("./elect.ts")).runElect,
  })
    .option("--ttl <seconds>", TTL_HELP, wholeNumber(2), 60)
    .option("--leader", "print who leads, and end")
    .option("--follow", "print who leads, whenever it changes");
}
