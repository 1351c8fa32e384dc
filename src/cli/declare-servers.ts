// Owns how the commands that serve on this machine are typed: dev and grpc, which read their options
// themselves, and completion, which is made of all the others.

import { Argument, Option, type Command } from "commander";
import { declare, type Declaring } from "./declare.ts";
import { DEV_USAGE } from "./dev-options.ts";
import { GRPC_USAGE } from "./grpc-options.ts";

interface Server {
  readonly summary: string;
  readonly usage: string;
  /** Returns when it serves, and it goes on; or false when only help was wanted. */
  readonly run: (args: readonly string[]) => Promise<boolean>;
}

const SERVERS: Readonly<Record<string, Server>> = {
  dev: {
    summary: "a whole Edgekeeper on this machine",
    usage: DEV_USAGE.replaceAll("npm start --", "edgekeeper dev"),
    run: async (args) => (await import("./dev-command.ts")).runDev(args, "edgekeeper dev"),
  },
  grpc: {
    summary: "let etcd's own clients speak to Edgekeeper",
    usage: GRPC_USAGE,
    run: async (args) => (await import("./grpc.ts")).runGrpc(args),
  },
};

/** Runs the server that a command line is of, if it is of one. @throws OptionError */
export async function runServer([name = "", ...args]: readonly string[]): Promise<Outcome> {
  const server = Object.hasOwn(SERVERS, name) ? SERVERS[name] : undefined;
  if (server === undefined) return "none";
  return (await server.run(args)) ? "serves" : "helped";
}

/** What became of a command line. */
type Outcome = "none" | "helped" | "serves";

export function declareServers(declaring: Declaring): void {
  for (const [name, server] of Object.entries(SERVERS)) declareServer(declaring, name, server);
}

export function declareCompletion(declaring: Declaring): void {
  const command = declare<object>(declaring, {
    usage: "completion",
    summary: "what lets a shell complete commands and options",
    description:
      "Prints a script for bash, zsh or fish, which lets the shell complete commands and options.",
    examples: [
      ["source <(edgekeeper completion bash)", "in ~/.bashrc; zsh alike"],
      ["edgekeeper completion fish | source", "in ~/.config/fish/config.fish"],
    ],
    run: async () => (await import("./completion.ts")).runCompletion,
    isLocal: true,
    hasNoJson: true,
  });
  command.addArgument(new Argument("<shell>", "which shell").choices(["bash", "zsh", "fish"]));
}

/** So that help and completion know of it; what runs it is `runServer`. */
function declareServer({ parent }: Declaring, name: string, { summary, usage }: Server): Command {
  const command = parent.command(name).summary(summary).description(summary).helpOption(false);
  for (const [, flags = "", what = ""] of usage.matchAll(/^ {2}(--\S+(?: \S+)?) {2,}(.+)$/gm)) {
    command.addOption(new Option(flags.replace(/ (\S+)$/, " <$1>"), what));
  }
  command.helpInformation = () => usage;
  return command;
}
