#!/usr/bin/env node
// Owns the command `edgekeeper`: which subcommands there are.

import { OptionError } from "./dev-options.ts";
import { runGrpc } from "./grpc.ts";

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  grpc: runGrpc,
};

const USAGE = `Usage: edgekeeper COMMAND [options]

  grpc    let etcd's own clients speak to Edgekeeper

edgekeeper COMMAND --help tells more.
`;

async function main([name = "", ...args]: readonly string[]): Promise<void> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command(args);
  if (!["", "help", "--help", "-h"].includes(name)) {
    throw new OptionError(`There is no command "${name}".\n\n${USAGE}`);
  }
  process.stdout.write(USAGE);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof OptionError ? error.message : error);
  process.exit(1);
});
