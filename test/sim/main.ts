// Owns `npm run sim`: replaying a seed, searching fresh ones, shrinking what fails, and measuring speed.

import { parseCommand, USAGE } from "./options.ts";
import { registerPatches, SMALL_LIMITS } from "./patches.ts";

// What is patched must not be imported before it is.
if (process.argv.includes("--help")) process.stdout.write(`${USAGE}\n`);
else {
  const command = parseCommand(process.argv.slice(2));
  if (command.isSmall) registerPatches(SMALL_LIMITS);
  const { perform } = await import("./perform.ts");
  process.exitCode = (await perform(command)) ? 0 : 1;
}
