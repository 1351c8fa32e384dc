// Owns etcd as a system: three members on loopback, as it comes (it syncs its log to the disk), asked at
// the leader, where no request is passed on.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../support/server.ts";
import { gatewayDoor } from "../doors/gateway.ts";
import { grpcDoor } from "../doors/grpc.ts";
import { startChild, type Child } from "./child.ts";
import { compact, type StartOptions, type System } from "./system.ts";

const MEMBERS = ["a", "b", "c"] as const;
const READY = /ready to serve client requests/;
const READY_MS_MAX = 30_000;
/** More than any run fills: history is compacted, but the file does not shrink. */
const QUOTA_BYTES = 8 * 2 ** 30;

interface Ports {
  readonly name: string;
  readonly client: number;
  readonly peer: number;
}

export interface EtcdSystem extends System {
  readonly url: string;
}

export async function startEtcd(program: string, { folder }: StartOptions): Promise<EtcdSystem> {
  const members: Ports[] = [];
  for (const name of MEMBERS) {
    members.push({ name, client: await freePort(), peer: await freePort() });
  }
  const children = await Promise.all(
    members.map((member) => startMember(program, { member, members, folder })),
  );
  const stop = async (): Promise<void> => void (await Promise.all(children.map((c) => c.stop())));
  try {
    const url = await leaderOf(members.map(({ client }) => addressOf(client)));
    const address = url.replace("http://", "");
    return {
      name: "etcd",
      url,
      doors: [gatewayDoor(url), grpcDoor(address)],
      pids: children.map(({ pid }) => pid),
      compact: () => compact(url),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const addressOf = (port: number): string => `http://127.0.0.1:${port}`;

function startMember(
  program: string,
  given: { readonly member: Ports; readonly members: readonly Ports[]; readonly folder: string },
): Promise<Child> {
  const { member, members, folder } = given;
  const data = join(folder, member.name);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const cluster = members.map(({ name, peer }) => `${name}=${addressOf(peer)}`).join(",");
  const args = [
    `--name=${member.name}`,
    `--data-dir=${data}`,
    `--listen-client-urls=${addressOf(member.client)}`,
    `--advertise-client-urls=${addressOf(member.client)}`,
    `--listen-peer-urls=${addressOf(member.peer)}`,
    `--initial-advertise-peer-urls=${addressOf(member.peer)}`,
    `--initial-cluster=${cluster}`,
    `--quota-backend-bytes=${QUOTA_BYTES}`,
  ];
  return startChild(program, args, (line) => READY.test(line));
}

interface Status {
  readonly header?: { readonly member_id?: string };
  readonly leader?: string;
}

/** The address of the member that leads, once there is one. */
async function leaderOf(urls: readonly string[]): Promise<string> {
  const end = performance.now() + READY_MS_MAX;
  while (performance.now() < end) {
    for (const url of urls) {
      const answer = await fetch(`${url}/v3/maintenance/status`, { method: "POST", body: "{}" });
      const { header, leader } = (await answer.json()) as Status;
      if (leader !== undefined && leader === header?.member_id) return url;
    }
    await sleep(50);
  }
  throw new Error("no member of etcd came to lead");
}
