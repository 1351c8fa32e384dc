// Owns what is typed about the cluster: its members, its health, its alarms, its files; and what etcdctl
// answers by itself.

import { inAllFormats, run, until, type Invocation } from "../invocation.ts";

const NOSPACE = (action: string) => ({
  path: "/v3/maintenance/alarm",
  body: `{"action":"${action}","memberID":"0","alarm":"NOSPACE"}`,
});

const MEMBERS: readonly Invocation[] = [
  ...inAllFormats("member list"),
  run("member add"),
  run("member add second"),
  run("member add second --peer-urls=nonsense"),
  run("member add second --peer-urls=http://enam:2380 --learner"),
  run("member add third --peer-urls=http://enam:2380 --learner"),
  run("member add third --peer-urls=http://weur:2380 --learner"),
  run("member update {member}"),
  run("member update 1234 --peer-urls=http://enam:2380"),
  run("member remove {member}"),
  run("member remove {member}"),
  run("member remove 1234"),
  run("member remove nothex"),
  run("member promote 1234"),
  run("move-leader 1234"),
  run("move-leader nothex"),
];

const ENDPOINTS: readonly Invocation[] = [
  ...inAllFormats("endpoint status"),
  ...inAllFormats("endpoint status --cluster"),
  ...inAllFormats("endpoint health"),
  ...inAllFormats("endpoint health --cluster"),
];

const ALARMS: readonly Invocation[] = [
  run("alarm list"),
  { ...run("alarm list"), first: NOSPACE("ACTIVATE") },
  run("alarm list -w json"),
  run("put a full"),
  run("del nothing"),
  run("lease grant 100"),
  run("endpoint health"),
  run("endpoint status"),
  run("alarm disarm"),
  run("alarm disarm"),
  run("put a 1"),
];

const FILES: readonly Invocation[] = [
  run("defrag"),
  run("defrag --cluster"),
  run("snapshot save {file}"),
  run("snapshot status {file}"),
  run("snapshot save"),
];

const ALONE: readonly Invocation[] = [
  run("version"),
  run("options"),
  until(3, "completion bash"),
  run("nonsense"),
  run("get a -w nonsense"),
  run("get a --command-timeout=1ns"),
];

export const MAINTENANCE: readonly Invocation[] = [
  ...ENDPOINTS,
  ...ALARMS,
  ...FILES,
  ...MEMBERS,
  ...ALONE,
];
