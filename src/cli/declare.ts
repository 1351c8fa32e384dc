// Owns what all commands have in common on the command line: how one is declared, its examples, and
// the options of the connection. The commands' own modules are loaded when they run, and not before.

import { Command, InvalidArgumentError, Option } from "commander";
import { ENDPOINT_DEFAULT } from "./connection-options.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/** One use of a command. */
export interface Call<Options> {
  readonly terminal: Terminal;
  /** As they were typed; of one that may be many, all. */
  readonly args: readonly string[];
  readonly options: Options;
}

export type Run<Options> = (call: Call<Options>) => Promise<ExitCode>;

/** Where declarations go: commands are added to `parent`, and tell `ended` how they ended. */
export interface Declaring {
  readonly parent: Command;
  readonly terminal: Terminal;
  readonly ended: (code: ExitCode) => void;
  /** What is declared when all commands have their own options: these stand first in the help. */
  readonly last: (() => void)[];
}

export interface Declaration<Options> {
  /** As commander has it: `get <key>`. */
  readonly usage: string;
  readonly summary: string;
  /** More than the summary, for `--help`. */
  readonly description?: string;
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Loads what runs it. */
  readonly run: () => Promise<Run<Options>>;
  /** It speaks to no deployment. */
  readonly isLocal?: boolean;
  /** It prints nothing that a program would read. */
  readonly hasNoJson?: boolean;
}

/** Declares a command; its own options are added to what is returned. */
export function declare<Options>(
  { parent, terminal, ended, last }: Declaring,
  declaration: Declaration<Options>,
): Command {
  const { usage, summary, description, examples } = declaration;
  const command = parent.command(usage);
  command.summary(summary).description(description ?? summary);
  command.action(async (...parameters: unknown[]) => {
    const args = parameters
      .slice(0, -2)
      .flat()
      .filter((arg) => typeof arg === "string");
    const options = command.opts() as Options;
    const run = await declaration.run();
    ended(await run({ terminal, args, options }));
  });
  last.push(() => {
    for (const option of commonOptions(declaration)) command.addOption(option);
  });
  command.addHelpText("after", examplesText(examples));
  return command;
}

const commonOptions = ({
  isLocal,
  hasNoJson,
}: Pick<Declaration<never>, "isLocal" | "hasNoJson">): Option[] => [
  ...(hasNoJson === true
    ? []
    : [new Option("--json", "print JSON, for programs").helpGroup("Output:")]),
  ...(isLocal === true ? [] : connecting()),
];

const connecting = (): Option[] =>
  [
    new Option(
      "--endpoint <url>",
      `where Edgekeeper is (default: $EDGEKEEPER_ENDPOINT, or ${ENDPOINT_DEFAULT})`,
    ),
    new Option("--cluster <name>", "the cluster (default: $EDGEKEEPER_CLUSTER, or default)"),
    new Option("--token <token>", "the deployment's token (default: $EDGEKEEPER_TOKEN)"),
    new Option(
      "--user <name>",
      "a user of the cluster, NAME or NAME:PASSWORD (default: $EDGEKEEPER_USER)",
    ),
    new Option("--password <password>", "the user's password (default: $EDGEKEEPER_PASSWORD)"),
  ].map((option) => option.helpGroup("Connection:"));

const examplesText = (examples: Declaration<never>["examples"]): string =>
  [
    "",
    "Examples:",
    ...examples.flatMap(([command, what]) => [`  ${command}`, `      ${what}`]),
  ].join("\n");

/** For a group of commands, such as `lease`. */
export function declareGroup(declaring: Declaring, name: string, summary: string): Declaring {
  const group = declaring.parent.command(name).summary(summary).description(summary);
  return { ...declaring, parent: group };
}

/** Reads a whole number from `min` to `max`. */
export const wholeNumber =
  (min: number, max = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= min && number <= max) return number;
    const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`Give a whole number, ${range}.`);
  };

/** Reads the id of a lease or a member: decimal, or hexadecimal after `0x`. */
export function readId(text: string): bigint {
  if (/^(?:\d{1,20}|0x[0-9a-f]{1,16})$/i.test(text)) return BigInt(text);
  throw new InvalidArgumentError("Give an id in decimal, or in hexadecimal after 0x.");
}

/** Reads names between commas. */
export const readList = (text: string): string[] => text.split(",").map((part) => part.trim());
