// Owns `edgekeeper status`: what each replica says of itself.

import { connectionOf, type ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { Deployment } from "./deployment.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { healthOf, surveyOf, type Health, type Survey } from "./survey.ts";
import { showTable } from "./table.ts";
import { painterFor, say, type Terminal } from "./terminal.ts";

export interface StatusOptions extends ConnectionOptions {
  readonly json?: true;
}

export async function runStatus({ terminal, options }: Call<StatusOptions>): Promise<ExitCode> {
  const connection = connectionOf(options, terminal.environment);
  const deployment = new Deployment(connection, terminal.interrupted);
  // The first request creates the cluster `default`; before it, there would be nobody to ask.
  const health = await healthOf(deployment);
  const survey = await surveyOf(deployment);
  if (options.json === true) {
    const { isHealthy: healthy, reason } = health;
    say(terminal, JSON.stringify({ ...survey, healthy, reason }));
  } else showStatus(terminal, { survey, health });
  return health.isHealthy ? EXIT.ok : EXIT.unavailable;
}

const HEADINGS = ["REGION", "ROLE", "TERM", "COMMIT", "APPLIED", "REVISION", "ID", ""];

function showStatus(
  terminal: Terminal,
  { survey, health }: { readonly survey: Survey; readonly health: Health },
): void {
  const paint = painterFor(terminal.stdout, terminal.environment);
  const told = survey.replicas.map((replica) => [
    nameOf(replica),
    replica.role === "leader" ? paint("green", "leader") : replica.role,
    ...[replica.term, replica.commit, replica.applied, replica.revision].map(String),
    replica.id,
    replica.asleep ? "asleep" : "",
  ]);
  const silent = survey.unreachable.map((place) => [
    nameOf(place),
    paint("red", "unreachable"),
    ...Array.from({ length: 6 }, () => ""),
  ]);
  showTable(terminal, HEADINGS, [...told, ...silent]);
  const word = health.isHealthy ? paint("green", "serves") : paint("red", "does not serve");
  say(
    terminal,
    `\n${survey.name} (${survey.cluster_id}) ${word}${health.isHealthy ? "" : `: ${health.reason}`}`,
  );
}

/** The first replica of a region is named by it alone. */
export const nameOf = ({ region, generation }: { region: string; generation: number }): string =>
  generation === 1 ? region : `${region}/${generation}`;
