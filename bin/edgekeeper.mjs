#!/usr/bin/env node
// Owns starting the command `edgekeeper` on whatever Node there is: a package has it built; in a
// checkout it runs from its sources, for which Node must read TypeScript, and the one that is installed
// beside them does. Plain JavaScript, because it runs first.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const NODE_MAJOR_MIN = 22;
const sources = new URL("../src/cli/main.ts", import.meta.url);
const built = new URL("../dist/cli/main.js", import.meta.url);
const ownNode = fileURLToPath(new URL("../node_modules/.bin/node", import.meta.url));

const major = Number(process.versions.node.split(".")[0]);

if (!existsSync(sources)) {
  if (major >= NODE_MAJOR_MIN) await import(built);
  else fail(`edgekeeper needs Node ${NODE_MAJOR_MIN} or later, and this is ${process.version}.`);
} else if (process.features.typescript) await import(sources);
else if (existsSync(ownNode)) passOn();
else fail("edgekeeper is not set up in this checkout yet: `node scripts/setup.mjs` does it.");

/** Runs this again by the Node that the checkout has, and ends as it does. */
function passOn() {
  const child = spawn(ownNode, [fileURLToPath(sources), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  // A terminal tells the child as well; whoever told this process alone means the child.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => signal !== "SIGINT" && child.kill(signal));
  }
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
