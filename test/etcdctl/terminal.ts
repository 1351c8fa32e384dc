// Owns running etcdctl, and making what it prints comparable.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Invocation } from "./invocation.ts";
import { NORMAL_FORMS } from "./normal-forms.ts";

/** A program that answers nothing for so long is stuck. */
const PATIENCE_MS = 20_000;

export interface Etcdctl {
  readonly program: string;
  readonly version: string;
}

/** The program that `ETCDCTL` names, or that the path has; null when there is none that runs. */
export function findEtcdctl(): Etcdctl | null {
  const program = process.env["ETCDCTL"] ?? "etcdctl";
  const { status, stdout } = spawnSync(program, ["version"], {
    env: environment(),
    encoding: "utf8",
  });
  const version = /etcdctl version: (\S+)/.exec(stdout ?? "")?.[1];
  return status === 0 && version !== undefined ? { program, version } : null;
}

const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  ETCDCTL_API: "3",
});

/** One terminal: it remembers the lease that was granted last, and the member that was added last. */
export class Terminal {
  readonly #program: string;
  readonly #endpoint: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "etcdctl-"));
  readonly #names = new Map<string, string>();
  #lease = "0";
  #member = "0";

  /** `endpoint` is a host and a port. */
  constructor(program: string, endpoint: string) {
    this.#program = program;
    this.#endpoint = endpoint;
  }

  /** Types one invocation, and gives what it printed and how it ended, in comparable words. */
  async type(invocation: Invocation): Promise<string> {
    return this.#comparable(await this.#type(invocation));
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #type({ first, ...invocation }: Invocation): Promise<string> {
    if (first !== undefined) await this.#post(first);
    const printed = await this.#run(invocation);
    this.#lease = /lease ([0-9a-f]{16}) granted/.exec(printed)?.[1] ?? this.#lease;
    this.#member = /Member +([0-9a-f]{13,16}) added/.exec(printed)?.[1] ?? this.#member;
    return printed;
  }

  async #post({ path, body }: NonNullable<Invocation["first"]>): Promise<void> {
    const response = await fetch(`http://${this.#endpoint}${path}`, { method: "POST", body });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    await response.text();
  }

  async #run({ args, input, lines, meanwhile = [] }: Invocation): Promise<string> {
    const child = spawn(this.#program, [`--endpoints=${this.#endpoint}`, ...this.#words(args)], {
      env: environment(),
      stdio: ["pipe", "pipe", "pipe"],
    });
    const patience = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    const closed = once(child, "close") as Promise<[number | null]>;
    const output = listenTo(child, lines ?? Infinity);
    child.stdin.on("error", () => {});
    if (lines === undefined) child.stdin.end(input ?? "");
    else child.stdin.write(input ?? "");
    let others = "";
    if (lines !== undefined) {
      await Promise.race([output.complete, closed]);
      for (const other of meanwhile) others += `> ${other.args}\n${await this.#type(other)}\n`;
      child.kill("SIGINT");
    }
    const [code] = await closed;
    clearTimeout(patience);
    // What follows the wanted lines depends on how fast the program was ended.
    const end = lines === undefined ? `ends with ${code}` : "";
    return [output.printed(), output.said(), others, end].join("\n");
  }

  #words(args: string): string[] {
    return [...args.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) =>
      (quoted ?? plain!)
        .replace("{lease}", this.#lease)
        .replace("{member}", this.#member)
        .replace("{endpoint}", this.#endpoint)
        .replace("{file}", join(this.#folder, "snapshot")),
    );
  }

  #comparable(raw: string): string {
    const named = raw
      .replaceAll(this.#endpoint, "ENDPOINT")
      .replaceAll(this.#folder, "FOLDER")
      .replaceAll(
        /("(?:cluster_id|member_id|ID|id|lease|leader|\w*ID|Lease\w*|Leader)"(?::| : ))(\d{6,})/g,
        (_, field, id) => `${field}${this.#nameOf(BigInt(id as string).toString(16))}`,
      )
      .replaceAll(/\b[0-9a-f]{13,16}\b/g, (id) => this.#nameOf(id));
    return NORMAL_FORMS.reduce((text, { pattern, word }) => text.replaceAll(pattern, word), named)
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

/** What a program prints, up to so many lines, and what it says besides. */
function listenTo(child: ChildProcess, lines: number) {
  let printed = "";
  let said = "";
  const { promise: complete, resolve } = Promise.withResolvers<void>();
  if (lines === 0) resolve();
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
    if (printed.split("\n").length > lines) resolve();
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (said += text));
  return {
    complete,
    printed: () => printed.split("\n").slice(0, lines).join("\n"),
    said: () => said,
  };
}
