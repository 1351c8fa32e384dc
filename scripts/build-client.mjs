// Owns making what the package exports as `edgekeeper/client`: one minified module without imports, and
// its declarations. `node scripts/build-client.mjs [folder] [--no-types]`, the folder being `dist`.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const [folder = "dist"] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const target = resolve(root, folder);
/** Long names of fields that stay within: no option, result or message in JSON has one of these. */
const INNER = [
  "rangeEnd|startRevision|progressNotify|prevKvs?|ignoreValue|ignoreLease|sortOrder|sortTarget",
  "isResumed|isRenewed|isSent|isCreated|isLost|isUnderWay|isWaiting|isAsking|isBusy|isOver|isFirst|isOwn",
  "canceling|canRenew|resumeSpec|takeUnsent|progressed|finishAndBegin|signedId|deadline|dueAt|askedAt",
  "unfinished|credentials|disconnected|deployment|delivery|sequence|outcome|freshness|requestId",
  "deliver|ended|heard|changes|sized|uint32|expire|sessions|keeper|link|watcher",
  "diagnose|renew|tokens|onProgress|onGivenUp|session|answer|header|frames|spec|uint|flag|byte|list|kept",
  "linearizable|isEmpty|strip|call|place|shown|within|batch|watches|promise|expired|found|fail|take|resume|writer",
  "isBegun|requestProgress|fields|branches|operand|request|bytes|finish|keep|drop|offset|raw",
  "invalidArgument|deadlineExceeded|permissionDenied|resourceExhausted|failedPrecondition|outOfRange",
  "unimplemented|unavailable|unauthenticated|partial|noPut|noDelete|target|result|acknowledge",
];
/** Nobody reads why bytes do not decode: the connection they came by is given up, whatever it was. */
const withoutReasons = {
  name: "without-reasons",
  setup: ({ onLoad }) =>
    onLoad({ filter: /codec\.ts$/ }, ({ path }) => ({
      loader: "ts",
      contents: readFileSync(path, "utf8").replace(
        /new CodecError\((?:"[^"]*"|`[^`]*`)\)/g,
        'new CodecError("")',
      ),
    })),
};
const wantsTypes = !process.argv.includes("--no-types");

await build({
  absWorkingDir: root,
  entryPoints: ["src/client/main.ts"],
  outfile: join(target, "client.js"),
  bundle: true,
  format: "esm",
  minify: true,
  plugins: [withoutReasons],
  mangleProps: new RegExp(`^(${INNER.join("|")})$`),
  // Beside it, and not named in it: pages would load the name for nothing.
  sourcemap: "external",
  // Private fields and all that the code asks of its platform besides: nothing is to be made smaller.
  target: "es2022",
  platform: "neutral",
  logLevel: "warning",
});
if (wantsTypes) declare();

/** The declarations that `main.d.ts` needs, in the folders that they are in here. */
function declare() {
  const tsc = join(root, "node_modules/.bin/tsc");
  const { status } = spawnSync(tsc, ["-b", "src/tsconfig.web.json"], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
  const types = join(target, "types");
  rmSync(types, { recursive: true, force: true });
  const wanted = ["client/main.d.ts"];
  for (const path of wanted) {
    const project = path.startsWith("client/") ? "web" : "pure";
    const source = join(root, ".cache/types", project, "src", path);
    mkdirSync(dirname(join(types, path)), { recursive: true });
    cpSync(source, join(types, path));
    const imports = readFileSync(source, "utf8").matchAll(/from "(\.[^"]+)\.ts"/g);
    for (const [, module] of imports) {
      const next = `${normalize(join(dirname(path), module))}.d.ts`;
      if (!wanted.includes(next)) wanted.push(next);
    }
  }
}
