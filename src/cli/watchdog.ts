// Owns the end of a killed server: a process of its own that reads process ids from its standard
// input (with a minus: that one has ended), and kills those processes when the input ends without
// the word "done". `kill -9` of the development server would otherwise leave workerd behind, which
// keeps the port and the databases.

import { createInterface } from "node:readline";

const wards = new Set<number>();
let isDone = false;

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  if (line === "done") isDone = true;
  else if (line.startsWith("-")) wards.delete(-Number(line));
  else wards.add(Number(line));
});
input.on("close", () => {
  if (isDone) return;
  for (const ward of wards) {
    try {
      process.kill(ward, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
});
