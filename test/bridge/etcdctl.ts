// Owns running etcdctl, and making what it prints comparable: names for what differs from cluster to
// cluster.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Invocation } from "./etcdctl-script.ts";

/** A program that answers nothing for so long is stuck. */
const PATIENCE_MS = 20_000;

/** The program that `ETCDCTL` names, or that the path has; null when there is none that runs. */
export function findEtcdctl(): string | null {
  const program = process.env["ETCDCTL"] ?? "etcdctl";
  const { status } = spawnSync(program, ["version"], { env: environment() });
  return status === 0 ? program : null;
}

const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"], ETCDCTL_API: "3" });

/** One terminal: it remembers the lease that was granted last. */
export class Terminal {
  readonly #program: string;
  readonly #endpoint: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "etcdctl-"));
  readonly #names = new Map<string, string>();
  #lease = "0";

  constructor(program: string, endpoint: string) {
    this.#program = program;
    this.#endpoint = endpoint;
  }

  /** Types one invocation, and gives what it printed and how it ended, in comparable words. */
  async type(invocation: Invocation): Promise<string> {
    const raw = await this.#run(invocation);
    this.#lease = /lease ([0-9a-f]{16}) granted/.exec(raw)?.[1] ?? this.#lease;
    return this.#comparable(raw);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #run({ args, input, lines }: Invocation): Promise<string> {
    const words = [...args.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) =>
      (quoted ?? plain!)
        .replace("{lease}", this.#lease)
        .replace("{file}", join(this.#folder, "snapshot")),
    );
    const child = spawn(this.#program, [`--endpoints=${this.#endpoint}`, ...words], {
      env: environment(),
      stdio: ["pipe", "pipe", "pipe"],
    });
    const patience = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
    let printed = "";
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      if (lines !== undefined && printed.split("\n").length > lines) child.kill("SIGINT");
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const [code] = (await once(child, "close")) as [number | null];
    clearTimeout(patience);
    // What follows the wanted lines depends on how fast the program was ended.
    const wanted = lines === undefined ? printed : printed.split("\n").slice(0, lines).join("\n");
    return [wanted, withoutLog(said), lines === undefined ? `ends with ${code}` : ""].join("\n");
  }

  #comparable(raw: string): string {
    return raw
      .replaceAll(this.#endpoint, "ENDPOINT")
      .replaceAll(this.#folder, "FOLDER")
      .replaceAll(
        /("(?:cluster_id|member_id|ID|lease|leader)":)(\d{6,})/g,
        (_, name, id) => `${name}${this.#nameOf(BigInt(id as string).toString(16))}`,
      )
      .replaceAll(
        /("(?:ClusterID|MemberID)" : )(\d+)/g,
        (_, name, id) => `${name}${this.#nameOf(BigInt(id as string).toString(16))}`,
      )
      .replaceAll(/\b[0-9a-f]{13,16}\b/g, (id) => this.#nameOf(id))
      .replaceAll(/"raft_term":\d+|"RaftTerm" : \d+/g, "TERM")
      .replaceAll(/took = \S+|took \S+/g, "took T")
      .replaceAll(/, started, \S+, \S+,/g, ", started, NAME, PEER,")
      .replaceAll(/"name":"[^"]*","peerURLs":\["[^"]*"\]/g, "NAME,PEER")
      .replaceAll(/, 3\.\d+\.\d+, [\d.]+ [kM]?B, /g, ", VERSION, SIZE, ")
      .replaceAll(/(true|false), \d+, \d+, \d+, $/gm, "$1, TERM, INDEX, INDEX, ")
      .replaceAll(/remaining\(\d+s\)/g, "remaining(S)")
      .split("\n")
      .map((line) => line.trimEnd())
      .filter((line) => line !== "")
      .join("\n");
  }

  #nameOf(id: string): string {
    const padded = id.padStart(16, "0");
    if (!this.#names.has(padded)) this.#names.set(padded, `id${this.#names.size + 1}`);
    return this.#names.get(padded)!;
  }
}

/** What a person reads: etcdctl logs its retries in JSON. */
const withoutLog = (said: string): string =>
  said
    .split("\n")
    .filter((line) => !line.startsWith("{"))
    .join("\n");
