// Owns what `npm start` and `npm test` do first: see to it that node_modules holds what
// package-lock.json names, and that the programs in it run here. Plain JavaScript without
// dependencies, because it runs on the machine's own Node (20 or later) before anything is
// installed. It prints nothing when there is nothing to do.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const NODE_MAJOR_MIN = 20;
const root = fileURLToPath(new URL("..", import.meta.url));
const stampPath = join(root, "node_modules", ".edgekeeper-install");
const lockFolder = join(root, ".cache", "setup-lock");

/** A holder of the lock shows every second that it lives; after ten it is taken for dead. */
const HEARTBEAT_MS = 1_000;
const HEARTBEAT_MISSED_MS = 10_000;
const REPORT_EVERY_MS = 10_000;

/** The programs that come as binaries through install scripts, and so may be missing or broken. */
const programs = [
  { path: "node_modules/.bin/node", expect: /^v24\./ },
  { path: "node_modules/.bin/workerd", expect: /^workerd / },
  { path: "node_modules/.bin/esbuild", expect: /^\d/ },
];

/** A set-up that cannot go on: its message tells a person what to do. */
class SetupError extends Error {}

function requireNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= NODE_MAJOR_MIN) return;
  throw new SetupError(
    `Edgekeeper needs Node ${NODE_MAJOR_MIN} or later, and this is ${process.version}: ` +
      "install a newer Node and run the same command again.",
  );
}

/** What the installed tree must have been made from, and for which machine. */
function expectedStamp() {
  const lockfile = readFileSync(join(root, "package-lock.json"));
  const digest = createHash("sha256").update(lockfile).digest("hex");
  return `${digest} ${process.platform} ${process.arch}\n`;
}

function installedStamp() {
  try {
    return readFileSync(stampPath, "utf8");
  } catch {
    return null;
  }
}

/** The first program that does not run here, or null. */
function brokenProgram() {
  const runs = ({ path, expect }) => {
    const run = spawnSync(join(root, path), ["--version"], { encoding: "utf8", timeout: 30_000 });
    return run.status === 0 && expect.test(run.stdout);
  };
  return programs.find((program) => !runs(program))?.path ?? null;
}

const isReady = () => installedStamp() === expectedStamp() && brokenProgram() === null;

/**
 * Takes the lock, or returns null while another set-up holds it. Lock files are numbered and only
 * the highest counts. A number is never used twice, so two that find a holder dead cannot both
 * follow it: one of them fails to create the next file.
 */
function tryLock() {
  mkdirSync(lockFolder, { recursive: true });
  const numbers = readdirSync(lockFolder).filter((name) => /^\d+$/.test(name));
  const last = Math.max(0, ...numbers.map(Number));
  if (last > 0 && isHeld(join(lockFolder, `${last}`))) return null;
  const path = join(lockFolder, `${last + 1}`);
  try {
    writeFileSync(path, "", { flag: "wx" });
  } catch (error) {
    if (error.code === "EEXIST") return null;
    throw error;
  }
  for (let old = last; old > 0 && old > last - 100; old--) {
    rmSync(join(lockFolder, `${old}`), { force: true });
  }
  return path;
}

function isHeld(path) {
  try {
    const silentMs = Date.now() - statSync(path).mtimeMs;
    return readFileSync(path, "utf8") !== "released" && silentMs < HEARTBEAT_MISSED_MS;
  } catch {
    return true; // Its successor has just removed it: look again.
  }
}

/** Runs `body` while no other set-up of this checkout does. */
async function withLock(body) {
  let path = tryLock();
  if (path === null) say("Another set-up of this checkout is under way; waiting for it.");
  while (path === null) {
    await sleep(200);
    path = tryLock();
  }
  const heartbeat = setInterval(() => utimesSync(path, new Date(), new Date()), HEARTBEAT_MS);
  try {
    return await body();
  } finally {
    clearInterval(heartbeat);
    writeFileSync(path, "released");
  }
}

/** npm as it called us, or else the one on the PATH. */
function npmCommand() {
  const caller = process.env.npm_execpath ?? "";
  return /npm-cli\.[cm]?js$/.test(caller) ? [process.execPath, caller] : ["npm"];
}

/** Runs `npm ci`; resolves to its exit code and what it said. */
function npmCi() {
  const [command, ...before] = npmCommand();
  // Whatever the user's configuration says, the tools and their install scripts are wanted here:
  // nearly all packages are development dependencies, and three of them bring binaries.
  const options = ["--include=dev", "--ignore-scripts=false", "--bin-links", "--no-audit"];
  const npm = spawn(command, [...before, "ci", ...options, "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
  });
  let said = "";
  const listen = (chunk) => (said = (said + chunk).slice(-4_000));
  npm.stdout.on("data", listen);
  npm.stderr.on("data", listen);
  return new Promise((resolve, reject) => {
    npm.on("error", () => {
      reject(new SetupError("npm was not found: install it (it comes with Node) and try again."));
    });
    npm.on("close", (code) => resolve({ code, said }));
  });
}

async function install() {
  say("Installing what package-lock.json names into node_modules; about a minute, only this once.");
  rmSync(stampPath, { force: true });
  const startedAt = Date.now();
  const stopProgress = showProgress(startedAt);
  const { code, said } = await npmCi().finally(stopProgress);
  if (code !== 0) {
    process.stderr.write(said);
    throw new SetupError(
      "`npm ci` failed, for the reason above: see that the npm registry can be reached and the " +
        "disk has 1 GB left, then run the same command again.",
    );
  }
  const broken = brokenProgram();
  if (broken !== null) {
    throw new SetupError(
      `${broken} does not run on this machine after the installation: delete node_modules and ` +
        "run the same command again; if that does not help, this platform is not supported " +
        "(Linux with glibc and macOS are).",
    );
  }
  writeFileSync(stampPath, expectedStamp());
  say(`Installed in ${secondsSince(startedAt)} s.`);
}

/** A line that counts up on a terminal, a line now and then elsewhere. Returns how to stop it. */
function showProgress(startedAt) {
  if (!process.stdout.isTTY) {
    const report = () => say(`  still installing, ${secondsSince(startedAt)} s`);
    const timer = setInterval(report, REPORT_EVERY_MS);
    return () => clearInterval(timer);
  }
  const frames = ["|", "/", "-", "\\"];
  let frame = 0;
  const draw = () => {
    process.stdout.write(`\r${frames[frame++ % frames.length]} ${secondsSince(startedAt)} s `);
  };
  const timer = setInterval(draw, 100);
  return () => {
    clearInterval(timer);
    process.stdout.write("\r          \r");
  };
}

const secondsSince = (startedAt) => Math.round((Date.now() - startedAt) / 1_000);
const say = (line) => process.stdout.write(`${line}\n`);

try {
  requireNode();
  // Asked again under the lock: the set-up that we waited for has most likely done the work.
  if (!isReady()) await withLock(async () => void (isReady() || (await install())));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
