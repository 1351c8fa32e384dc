// Owns the rules of the house that no compiler or linter checks: who may import whom, how long files
// and functions may be, how files open. Each rule is a function from files to offences, so that each
// is also shown to bite on a planted one.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, test } from "vitest";

interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

type Rule = (file: SourceFile) => readonly string[];

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

/**
 * Who may import whom: everything absent is forbidden. A layer may always import from itself. The
 * order is that of the way of a write, from the words at the bottom to the doors at the top.
 */
const LAYERS: Record<string, { readonly layers: readonly string[]; readonly packages: RegExp }> = {
  base: { layers: [], packages: /^$/ },
  raft: { layers: ["base"], packages: /^$/ },
  mvcc: { layers: ["base"], packages: /^$/ },
  lease: { layers: ["base"], packages: /^$/ },
  auth: { layers: ["base"], packages: /^$/ },
  watch: { layers: ["base", "mvcc"], packages: /^$/ },
  apply: { layers: ["base", "mvcc", "lease", "auth"], packages: /^$/ },
  api: { layers: ["base"], packages: /^zod$/ },
  replica: {
    layers: ["base", "raft", "mvcc", "lease", "auth", "watch", "apply", "api"],
    packages: /^$/,
  },
  object: {
    layers: ["base", "raft", "mvcc", "lease", "watch", "apply", "api", "replica", "migrations"],
    packages: /^cloudflare:workers$/,
  },
  // The router reaches objects through the interface in `api/replica.ts`, never through `object/`.
  http: { layers: ["base", "api"], packages: /^(?:hono(\/|$)|prom-client\/|bcryptjs$|jose$)/ },
  client: { layers: ["base", "api"], packages: /^$/ },
  bridge: {
    layers: ["base", "api", "client"],
    packages: /^(node:|@grpc\/(grpc-js|proto-loader|reflection)$|ws$)/,
  },
  cli: {
    layers: ["base", "api", "bridge", "client"],
    packages:
      /^(node:|miniflare$|esbuild$|commander$|cli-table3$|cli-progress$|@bomb\.sh\/tab(\/|$))/,
  },
  "worker.ts": { layers: ["http", "object"], packages: /^cloudflare:workers$/ },
};

/** Default exports are what a tool asks for, and nothing else. */
const DEFAULT_EXPORTS = [
  "src/worker.ts",
  "src/text-modules.d.ts",
  "vitest.config.ts",
  "test/bench/bare/worker.ts",
  "test/workerd/gathering/worker.ts",
];

const FOLDERS = ["src", "test", "scripts", "migrations", "docs", ".ci"];
const files = [
  ...FOLDERS.flatMap((folder) => readFolder(folder)),
  ...readFolder(".", { deep: false }),
];
const sources = files.filter(({ path }) => path.startsWith("src/") && path.endsWith(".ts"));
/** All but this file, which must name what it looks for. */
const others = files.filter(({ path }) => path !== "test/tidy.test.ts");
const scripts = files.filter(({ path }) => /^(src|test|scripts)\/.*\.m?[jt]s$/.test(path));

function readFolder(folder: string, { deep = true } = {}): SourceFile[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: deep });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => normalize(join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .map((path) => ({ path, text: readFileSync(path, "utf8") }));
}

const IMPORT =
  /^(?:import\s+(?:[^"=;]*\bfrom\s+)?|export\s+(?:type\s+)?[{*][^"=;]*\bfrom\s+)"([^"]+)"|\bimport\("([^"]+)"\)/gm;
const importsOf = ({ text }: SourceFile): string[] =>
  [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? "");

/** The layer of a file: its folder in `src`, the file itself at the top, `migrations` beside it. */
const layerOf = (path: string): string =>
  path.startsWith("src/") ? path.split("/")[1]! : path.split("/")[0]!;

const forbiddenImports: Rule = (file) => {
  const layer = layerOf(file.path);
  const allowed = LAYERS[layer];
  if (allowed === undefined) return file.path.endsWith(".d.ts") ? [] : [`no layer "${layer}"`];
  return importsOf(file).filter((target) => {
    if (!target.startsWith(".")) return !allowed.packages.test(target);
    const other = layerOf(normalize(join(dirname(file.path), target)).replaceAll("\\", "/"));
    return other !== layer && !allowed.layers.includes(other);
  });
};

const excessLines: Rule = ({ text }) => {
  const lines = text.trimEnd().split("\n").length;
  return lines > FILE_LINES_MAX ? [`${lines} lines`] : [];
};

/**
 * Functions that are too long. The formatter guarantees that a function's last line is the first
 * `}` at the indentation of the line that opens its body, so no parser is needed.
 */
const longFunctions: Rule = ({ text }) => {
  const lines = text.split("\n");
  return lines.flatMap((line, start) => {
    const opens =
      /(=>|\)|\): .*) \{$/.test(line) && !/^\s*(\} )?(if|for|while|switch|else|catch)\b/.test(line);
    if (!opens) return [];
    const indentation = /^\s*/.exec(line)![0];
    const closing = lines.findIndex((l, i) => i > start && l.startsWith(`${indentation}}`));
    const length = closing - start + 1;
    return length > FUNCTION_LINES_MAX ? [`line ${start + 1}: ${length} lines`] : [];
  });
};

const missingOpening: Rule = ({ text }) =>
  /^(#!.*\n)?(\/\/|\/\*\*|--|#) \S/.test(text)
    ? []
    : ["does not open with a comment on what it owns"];

const pattern =
  (wrong: RegExp): Rule =>
  ({ text }) =>
    text.match(wrong) ?? [];
const unfinished = pattern(/\b(TODO|FIXME|XXX)\b/g);
const registryHosts = pattern(/\bregistry\.[\w-]+\.\w+|\bnpm\w*\.(org|com)\b/g);
const resolvedAddresses = pattern(/"resolved"/g);
const floatingVersions: Rule = ({ text }) => {
  const { dependencies, devDependencies } = JSON.parse(text) as Manifest;
  const versions = Object.entries({ ...dependencies, ...devDependencies });
  return versions
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name]) => name);
};
const defaultExports: Rule = ({ path, text }) =>
  DEFAULT_EXPORTS.includes(path) ? [] : (text.match(/^export default\b|\bas default\b/gm) ?? []);

/** Every offence as "path: offence", for a reader who wants to mend it. */
const offences = (rule: Rule, among: readonly SourceFile[]): string[] =>
  among.flatMap((file) => rule(file).map((offence) => `${file.path}: ${offence}`));

const named = (...paths: string[]) => files.filter(({ path }) => paths.includes(path));
const long = (lines: number) => `f(() => {\n${"  x;\n".repeat(lines - 2)}});\n`;

describe.for<{ rule: Rule; name: string; among: readonly SourceFile[]; planted: SourceFile }>([
  {
    name: "imports go one way: a layer names only the layers and packages of its row",
    rule: forbiddenImports,
    among: sources,
    planted: { path: "src/http/routes/kv.ts", text: 'import type { X } from "../../mvcc/x.ts";' },
  },
  {
    name: `a file has at most ${FILE_LINES_MAX} lines`,
    rule: excessLines,
    among: scripts,
    planted: { path: "src/base/x.ts", text: "x;\n".repeat(FILE_LINES_MAX + 1) },
  },
  {
    name: `a function has at most ${FUNCTION_LINES_MAX} lines`,
    rule: longFunctions,
    among: scripts.filter(({ path }) => !path.endsWith(".test.ts")),
    planted: { path: "src/base/x.ts", text: long(FUNCTION_LINES_MAX + 1) },
  },
  {
    name: "a file opens with a comment on what it owns",
    rule: missingOpening,
    among: [...scripts, ...files.filter(({ path }) => path.endsWith(".sql"))],
    planted: { path: "src/base/x.ts", text: "export const x = 1; // Late.\n" },
  },
  {
    name: "nothing is left for later",
    rule: unfinished,
    among: others,
    planted: { path: "src/base/x.ts", text: "// TODO: think." },
  },
  {
    name: "no package registry is named",
    rule: registryHosts,
    among: others,
    planted: { path: "README.md", text: "https://registry.example.org/x" },
  },
  {
    name: "the lockfile names no download addresses",
    rule: resolvedAddresses,
    among: named("package-lock.json"),
    planted: { path: "package-lock.json", text: '"resolved": "https://example.com/x.tgz"' },
  },
  {
    name: "versions are pinned exactly",
    rule: floatingVersions,
    among: named("package.json"),
    planted: { path: "package.json", text: '{ "devDependencies": { "vitest": "^5.1.1" } }' },
  },
  {
    name: "exports are named, except where a tool asks for a default",
    rule: defaultExports,
    among: scripts,
    planted: { path: "src/base/x.ts", text: "export default 1;" },
  },
])("$name", ({ rule, among, planted }) => {
  test("holds everywhere", ({ expect }) => {
    expect(among.length).toBeGreaterThan(0);
    expect(offences(rule, among)).toEqual([]);
  });

  test("bites on a planted offence", ({ expect }) => {
    expect(rule(planted)).not.toEqual([]);
  });
});

describe("the rules are not vacuous", () => {
  test("the scan sees the layers, and most files import something", ({ expect }) => {
    const seen = new Set(sources.map(({ path }) => layerOf(path)));
    expect([...seen]).toEqual(expect.arrayContaining(["base", "raft", "api", "http"]));
    const importing = sources.filter((file) => importsOf(file).length > 0);
    expect(importing.length).toBeGreaterThan(sources.length / 2);
  });

  test("a function of exactly the limit passes", ({ expect }) => {
    expect(longFunctions({ path: "src/base/x.ts", text: long(FUNCTION_LINES_MAX) })).toEqual([]);
  });

  test.for([
    'import { a } from "../mvcc/a.ts";',
    'import type { A } from "../mvcc/a.ts";',
    'import {\n  a,\n  b,\n} from "../mvcc/a.ts";',
    'export type { A } from "../mvcc/a.ts";',
    'const a = await import("../mvcc/a.ts");',
    'import "../mvcc/a.ts";',
    'import { z } from "zod";',
  ])("%j is an import", (text, { expect }) => {
    expect(forbiddenImports({ path: "src/raft/x.ts", text })).toHaveLength(1);
  });
});
