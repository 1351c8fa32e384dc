// `docs/cli.md` is what the commands say of themselves. `vitest run test/cli/document.test.ts -u` writes
// it anew.

import type { Command } from "commander";
import { readFileSync } from "node:fs";
import { describe, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { VERSION } from "../../src/cli/version.ts";
import { playTerminal } from "./terminal.ts";

const INTRODUCTION = `# The command line

\`edgekeeper\` reads, watches and writes keys, holds locks, and looks after clusters. In a checkout it is
\`npx edgekeeper\`, once \`npm start\` or \`npm test\` has set it up.

Every command that speaks to a deployment has the options of the connection, and \`--json\`; they are left out
below:

| option | environment | |
| --- | --- | --- |
| \`--endpoint URL\` | \`EDGEKEEPER_ENDPOINT\` | where Edgekeeper is: \`http://127.0.0.1:8787\` unless said; with \`/c/NAME\` for a cluster |
| \`--cluster NAME\` | \`EDGEKEEPER_CLUSTER\` | the cluster: \`default\` unless said |
| \`--token TOKEN\` | \`EDGEKEEPER_TOKEN\` | the deployment's token |
| \`--user NAME\` | \`EDGEKEEPER_USER\` | a user of the cluster: \`NAME\`, or \`NAME:PASSWORD\` |
| \`--password PASSWORD\` | \`EDGEKEEPER_PASSWORD\` | the user's password |

The environment is the better place for secrets: other users of a machine see command lines.

## Exit codes

| code | what it says |
| --- | --- |
| 0 | done |
| 1 | failed; the message says what happened |
| 2 | not understood: nothing was done |
| 3 | there is no such key, lease, member or cluster; or comparisons did not hold |
| 4 | nobody answered, or nobody leads: later it may go |
| 5 | denied: credentials are missing, wrong, or not enough |
| 6 | a lock, a leadership or a lease was lost while it was held |
| 130 | Ctrl-C, before it was done; what runs until Ctrl-C ends with 0 |

\`lock\` with a command ends with that command's code, and with 128 and the signal's number if one has ended it.

## JSON

With \`--json\` a command prints one object on one line; \`watch\`, \`elect --follow\` and \`lease keep-alive\` one a line
as it happens. Errors are text on standard error all the same. Names are those of the HTTP API. Keys and values
are text when they are valid UTF-8, and else an object: \`{"base64":"/wAK"}\`. Ids of leases, members and
clusters are decimal numbers in text, for they have 64 bits.

| command | prints |
| --- | --- |
| \`get\` | \`revision\`, \`count\`, \`more\`, \`kvs\`: each \`key\`, \`value\`, \`create_revision\`, \`mod_revision\`, \`version\`, \`lease\` |
| \`put\` | \`revision\`, \`previous\` |
| \`del\` | \`revision\`, \`deleted\`, \`previous\` |
| \`watch\` | \`type\` (\`put\`, \`delete\`), the fields of a key, \`previous\` |
| \`txn\` | \`succeeded\`, \`revision\`, \`responses\`: each \`kind\` and the fields of its command |
| \`lease\` | \`id\`, \`ttl\`; \`ttl\` besides \`granted_ttl\`, \`keys\`; \`list\` \`leases\` |
| \`lock\`, \`elect\` | \`key\`, \`fencing_token\`; \`elect\` besides \`value\` |
| \`status\` | what \`GET /v1/clusters/{name}/replicas\` says, \`healthy\`, \`reason\` |
| \`member\` | what \`GET /v1/clusters/{name}\` says |
| \`snapshot\` | \`file\`, \`revision\`, \`bytes\`, \`sha256\`; \`restore\` what the door says |
| \`import\`, \`export\` | \`keys\`; \`import\` besides \`leases\` |
| \`bench\` | \`concurrency\`, \`value_bytes\`, \`figures\`: each \`name\`, \`requests\`, \`per_second\`, \`p50_ms\`, \`p99_ms\`, \`max_ms\` |
| \`doctor\` | \`ok\`, \`findings\`: each \`check\`, \`level\` (\`ok\`, \`warn\`, \`fail\`), \`message\`, \`advice\` |

## Commands
`;

/** What stands in the table above. */
const COMMON = /^(?:Output|Connection):\n(?: .*\n)+\n?/gm;

const leavesOf = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap((below) => leavesOf(below));

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

async function helpOf(command: Command): Promise<string> {
  let text = "";
  command.configureOutput({
    writeOut: (piece) => void (text += piece),
    getOutHelpWidth: () => 100,
  });
  command.outputHelp();
  return `\n### ${nameOf(command)}\n\n\`\`\`\n${text.replaceAll(COMMON, "").trimEnd()}\n\`\`\`\n`;
}

describe("docs/cli.md", () => {
  test("says of every command what its help says", async ({ expect }) => {
    const program = createProgram(playTerminal(), () => undefined);
    const parts = await Promise.all(leavesOf(program).map((command) => helpOf(command)));
    await expect(INTRODUCTION + parts.join("")).toMatchFileSnapshot("../../docs/cli.md");
  });

  test("every command has an example", ({ expect }) => {
    const program = createProgram(playTerminal(), () => undefined);
    for (const command of leavesOf(program)) {
      let text = "";
      command.configureOutput({ writeOut: (piece) => void (text += piece) });
      command.outputHelp();
      expect(text, nameOf(command)).toMatch(/Examples?:/);
    }
  });
});

test("the version is the package's", ({ expect }) => {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  expect((JSON.parse(manifest) as { version: string }).version).toBe(VERSION);
});
