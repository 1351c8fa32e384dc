// Owns `edgekeeper member`: who the members are, and changing it.

import { connectionOf, type ConnectionOptions } from "./connection-options.ts";
import { readList, type Call } from "./declare.ts";
import { Deployment } from "./deployment.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-codes.ts";
import { nameOf } from "./status.ts";
import { showTable } from "./table.ts";
import { say, type Terminal } from "./terminal.ts";

export interface MemberOptions extends ConnectionOptions {
  readonly json?: true;
}

interface Member {
  readonly id: string;
  readonly region: string;
  readonly generation: number;
  readonly learner?: true;
}

interface Cluster {
  readonly name: string;
  readonly cluster_id: string;
  readonly members: readonly Member[];
  readonly leader?: string | null;
}

/** A move copies everything that the store has; the router gives up after a minute itself. */
const MOVE_MS = 90_000;

const deploymentOf = ({ terminal, options }: Call<ConnectionOptions>): Deployment =>
  new Deployment(connectionOf(options, terminal.environment), terminal.interrupted);

const describe = async (deployment: Deployment): Promise<Cluster> =>
  (await deployment.json(deployment.aboutCluster(""))) as Cluster;

export async function runMembers(call: Call<MemberOptions>): Promise<ExitCode> {
  const deployment = deploymentOf(call);
  // The first request creates the cluster `default`.
  await deployment.open(deployment.inCluster("/health"), { acceptsFailure: true });
  return show(call.terminal, await describe(deployment), call.options);
}

function show(terminal: Terminal, cluster: Cluster, { json }: MemberOptions): ExitCode {
  if (json === true) {
    say(terminal, JSON.stringify(cluster));
    return EXIT.ok;
  }
  const role = ({ region, learner }: Member): string =>
    learner === true ? "learner" : region === cluster.leader ? "leader" : "voter";
  showTable(
    terminal,
    ["REGION", "ROLE", "ID"],
    cluster.members.map((member) => [nameOf(member), role(member), member.id]),
  );
  return EXIT.ok;
}

export async function runAdd(call: Call<MemberOptions & { learner?: true }>): Promise<ExitCode> {
  const deployment = deploymentOf(call);
  const json = { peerURLs: [call.args[0]], isLearner: call.options.learner === true };
  await deployment.json(deployment.inCluster("/v3/cluster/member/add"), { json });
  return show(call.terminal, await describe(deployment), call.options);
}

export const runRemove = (call: Call<MemberOptions>): Promise<ExitCode> =>
  changeMember(call, "/v3/cluster/member/remove", ({ id }) => ({ ID: id }));

export const runPromote = (call: Call<MemberOptions>): Promise<ExitCode> =>
  changeMember(call, "/v3/cluster/member/promote", ({ id }) => ({ ID: id }));

export const runLead = (call: Call<MemberOptions>): Promise<ExitCode> =>
  changeMember(call, "/v3/maintenance/transfer-leadership", ({ id }) => ({ targetID: id }));

async function changeMember(
  call: Call<MemberOptions>,
  path: string,
  bodyOf: (member: Member) => object,
): Promise<ExitCode> {
  const deployment = deploymentOf(call);
  const member = memberNamed(call.args[0] ?? "", await describe(deployment));
  await deployment.json(deployment.inCluster(path), { json: bodyOf(member) });
  return show(call.terminal, await describe(deployment), call.options);
}

/** By id, by region, or by region and generation. */
function memberNamed(name: string, { members }: Cluster): Member {
  const named = members.filter(
    (member) => member.id === name || member.region === name || nameOf(member) === name,
  );
  if (named.length === 1) return named[0]!;
  const all = members.map((member) => `${nameOf(member)} (${member.id})`).join(", ");
  const why = named.length === 0 ? `There is no member ${name}` : `${name} is more than one member`;
  throw new CommandError(EXIT.notFound, `${why}; there are ${all}.`);
}

export async function runMove(call: Call<MemberOptions>): Promise<ExitCode> {
  const deployment = deploymentOf(call);
  const json = { regions: readList(call.args[0] ?? "") };
  await deployment.json(deployment.aboutCluster("/regions"), {
    method: "PUT",
    json,
    timeoutMs: MOVE_MS,
  });
  return show(call.terminal, await describe(deployment), call.options);
}
