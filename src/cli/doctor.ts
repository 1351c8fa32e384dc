// Owns `edgekeeper doctor`: the checks of a deployment, one after another, and what they come to.

import { connectionOf, type ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { Deployment } from "./deployment.ts";
import { clockFindings, distanceFindings, locationFindings } from "./doctor-places.ts";
import { doorFindings, leaderFindings, replicaFindings } from "./doctor-replicas.ts";
import { storageFindings, userFindings } from "./doctor-state.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-codes.ts";
import { harmless } from "./printable.ts";
import { healthOf, surveyOf, type Health, type Survey } from "./survey.ts";
import { painterFor, say, type Terminal } from "./terminal.ts";

export type Level = "ok" | "warn" | "fail";

/** What a check has found. */
export interface Finding {
  readonly check: string;
  readonly level: Level;
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** What the checks look at. */
export interface Patient {
  readonly deployment: Deployment;
  readonly survey: Survey;
  readonly health: Health;
  /** It runs on a developer's machine. */
  readonly isDevelopment: boolean;
}

export interface DoctorOptions extends ConnectionOptions {
  readonly json?: true;
}

type Check = (patient: Patient) => Promise<readonly Finding[]>;

/** In an order in which each explains those after it. */
const CHECKS: readonly Check[] = [replicaFindings, leaderFindings, locationFindings, clockFindings];
/** They would only wait for a leader that is not there. */
const CHECKS_OF_THE_LED: readonly Check[] = [distanceFindings, storageFindings, userFindings];

export async function runDoctor({ terminal, options }: Call<DoctorOptions>): Promise<ExitCode> {
  const deployment = new Deployment(
    connectionOf(options, terminal.environment),
    terminal.interrupted,
  );
  const findings: Finding[] = [];
  let code: ExitCode = EXIT.ok;
  const tell = (finding: Finding): void => {
    findings.push(finding);
    if (finding.level === "fail" && code === EXIT.ok) code = EXIT.failed;
    if (options.json !== true) show(terminal, finding);
  };
  try {
    await examine(deployment, tell);
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === EXIT.interrupted) throw error;
    code = error.exitCode;
    tell({ check: "door", level: "fail", message: error.message });
  }
  if (options.json === true) say(terminal, JSON.stringify({ ok: code === EXIT.ok, findings }));
  else say(terminal, summaryOf(findings));
  return code;
}

/** @throws CommandError when nothing can be looked at. */
async function examine(deployment: Deployment, tell: (finding: Finding) => void): Promise<void> {
  for (const finding of await doorFindings(deployment)) tell(finding);
  const health = await healthOf(deployment);
  const survey = await surveyOf(deployment, { withWhereabouts: true });
  const patient = { deployment, survey, health, isDevelopment: await isDevelopment(deployment) };
  for (const check of [...CHECKS, ...(health.isHealthy ? CHECKS_OF_THE_LED : [])]) {
    for (const finding of await outcomeOf(check, patient)) tell(finding);
  }
}

/** A check that cannot be made is a finding as well. */
async function outcomeOf(check: Check, patient: Patient): Promise<readonly Finding[]> {
  try {
    return await check(patient);
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === EXIT.interrupted) throw error;
    const name = check.name.replace("Findings", "");
    return [{ check: name, level: "warn", message: `could not be looked at: ${error.message}` }];
  }
}

/** Only a development server has the lab door. */
async function isDevelopment(deployment: Deployment): Promise<boolean> {
  try {
    const response = await deployment.open("/_lab/status");
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

const COLOURS = { ok: "green", warn: "yellow", fail: "red" } as const;
/** Of the longest name of a check, and a space. */
const NAME_WIDTH = 12;

function show(terminal: Terminal, { level, check, message, advice }: Finding): void {
  const paint = painterFor(terminal.stdout, terminal.environment);
  say(
    terminal,
    `${paint(COLOURS[level], level.padEnd(5))}${check.padEnd(NAME_WIDTH)}${harmless(message)}`,
  );
  if (advice !== undefined) say(terminal, `${" ".repeat(5 + NAME_WIDTH)}${paint("dim", advice)}`);
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (level: Level): number => findings.filter((one) => one.level === level).length;
  return `\n${count("ok")} ok, ${count("warn")} to look at, ${count("fail")} failed`;
}
