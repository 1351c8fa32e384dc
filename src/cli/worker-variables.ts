// Owns which variables of its own environment the development server hands on to the Worker.

/** As in wrangler.toml; what they mean is said in docs/operations.md. */
const HANDED_ON = ["EDGEKEEPER_AUTH_TOKEN", "EDGEKEEPER_WATCH_PROGRESS_NOTIFY_INTERVAL"] as const;

/** In `EDGEKEEPER_AUTH_TOKEN` these name secrets, which are variables here. */
const SECRET = /(?:^|,)\s*(?:pub|priv)-key=([^,\s]+)/g;

/** Those that are set, by name. */
export function workerVariables(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const spec = environment["EDGEKEEPER_AUTH_TOKEN"] ?? "";
  const secrets = [...spec.matchAll(SECRET)].map(([, name]) => name!);
  const given = [...HANDED_ON, ...secrets].map((name) => [name, environment[name]] as const);
  return Object.fromEntries(given.filter((one): one is [string, string] => one[1] !== undefined));
}
