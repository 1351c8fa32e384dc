// Owns `npm run bench:profile`: where the Worker's time goes under one workload by one door.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { freePort } from "../support/server.ts";
import { Inspector } from "./inspector.ts";
import { runLoad } from "./load.ts";
import { prepare, stepsOf } from "./steps.ts";
import { startEdgekeeper } from "./systems/edgekeeper.ts";
import { WORKLOADS } from "./workloads.ts";

const { values } = parseArgs({
  options: {
    workload: { type: "string", default: "put" },
    door: { type: "string", default: "session" },
    clients: { type: "string", default: "256" },
    seconds: { type: "string", default: "5" },
    top: { type: "string", default: "30" },
    callers: { type: "string", default: "4" },
  },
});

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const base = resolve(".cache/profile");
mkdirSync(base, { recursive: true });
const folder = mkdtempSync(join(base, "edgekeeper-"));
const inspectPort = await freePort();
const system = await startEdgekeeper({ folder, args: ["--inspect-port", `${inspectPort}`] });
try {
  const workload = WORKLOADS.find(({ name }) => name === values.workload);
  const door = system.doors.find(({ name }) => name === values.door);
  if (workload === undefined || door === undefined) throw new Error("no such workload or door");
  const clients = Number(values.clients);
  const connection = await door.open(clients);
  const operations = new Set(workload.mix.map(({ operation }) => operation));
  await prepare(connection, { operations, can: door.can });
  const step = stepsOf(connection, workload, 0);
  const load = { clients, step, pids: system.pids, measureMs: Number(values.seconds) * 1_000 };
  await runLoad({ ...load, warmUpMs: 1_000 });
  const inspector = await Inspector.connect(inspectPort);
  const tables = await inspector.profile(async () => {
    const { perSecond, p50Ms } = await runLoad({ ...load, warmUpMs: 0 });
    console.log(`${perSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(1)} ms while profiled`);
  }, Number(values.callers));
  for (const times of tables) {
    console.log("");
    for (const { name, share } of times.slice(0, Number(values.top))) {
      console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${name}`);
    }
  }
  inspector.close();
  await connection.close();
} finally {
  await system.stop();
  rmSync(folder, { recursive: true, force: true });
}
