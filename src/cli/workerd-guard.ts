// Owns knowing which workerd processes this server has started, so that none outlives it.

import { spawn, type ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { fileURLToPath } from "node:url";

/** Beside this file; in a package all programs are JavaScript. */
const WATCHDOG = fileURLToPath(new URL("watchdog.ts", import.meta.url)).replace(
  /ts$/,
  import.meta.url.endsWith(".ts") ? "ts" : "js",
);

/**
 * Watches this process from another one, from now on: if this one is killed, the workerd processes
 * that it has started since are killed too. Returns what ends the watch.
 */
export function guardWorkerd(): () => void {
  const watchdog = spawn(process.execPath, [WATCHDOG], {
    stdio: ["pipe", "ignore", "ignore"],
    // In a group of its own: what kills this group must not kill the watchdog before its work.
    detached: true,
  });
  watchdog.unref();
  // Without its watchdog the server goes on; only its violent end would leave something behind.
  watchdog.stdin.on("error", () => {});
  const onChild = (message: unknown): void => {
    const child = (message as { process: ChildProcess }).process;
    child.once("spawn", () => {
      if (!child.spawnfile.includes("workerd")) return;
      watchdog.stdin.write(`${child.pid}\n`);
      child.once("exit", () => watchdog.stdin.write(`-${child.pid}\n`));
    });
  };
  // Miniflare tells nobody which processes it starts; Node does.
  subscribe("child_process", onChild);
  return () => {
    unsubscribe("child_process", onChild);
    watchdog.stdin.end("done\n");
  };
}
