// Owns the program behind `npm start`: the development server, and nothing else of the command line.

import { runDev } from "./dev-command.ts";
import { OptionError } from "./dev-options.ts";

runDev(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof OptionError ? error.message : error);
  process.exit(1);
});
