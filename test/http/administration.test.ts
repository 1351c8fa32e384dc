// What is about a cluster and asks its replicas nothing as a client: who may have it while users are
// in force. The replicas are played.

import { describe, expect, test } from "vitest";
import type { ReplicaAnswer, ReplicaCall, ReplicaStatus } from "../../src/api/replica.ts";
import type { AuthAnswer } from "../../src/base/auth.ts";
import { asClusterId, asTerm } from "../../src/base/types.ts";
import { Passwords } from "../../src/http/passwords.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { appTo } from "./support/app.ts";
import { FakeNetwork, headerOf, memberId, REGIONS } from "./support/fake-network.ts";

const passwords = new Passwords(PLATFORM);
const passwordHash = await passwords.hash("pw");

const status = (region: string, auth: Partial<ReplicaStatus>): ReplicaStatus => ({
  role: "follower",
  memberId: memberId(region),
  leader: null,
  term: asTerm(3),
  commit: 5,
  applied: 5,
  revision: 3,
  incarnation: 1,
  isAsleep: false,
  clusterVersion: 3,
  alarms: [],
  ...auth,
});

/** Replicas without a leader: one that is asked what only a leader may decide says that it is none. */
function takeCall({ request, credentials }: ReplicaCall): ReplicaAnswer {
  const header = headerOf("wnam", 3);
  const answered = (answer: AuthAnswer): ReplicaAnswer => ({
    kind: "answered",
    header,
    answer: { kind: "auth", answer },
  });
  if (request.kind === "auth" && request.serializable === true) {
    const isRoot = credentials?.kind === "token" && credentials.token === "roots.1";
    if (request.request.op === "userList" && isRoot) return answered({ op: "users", users: [] });
    if (request.request.op === "passwordOf") {
      return answered({ op: "password", passwordHash, authRevision: 4 });
    }
  }
  return {
    kind: "redirect",
    leader: null,
    term: asTerm(3),
    directory: { clusterId: asClusterId(9n), members: [] },
  };
}

/** A cluster that has lost its leader; `auth` is what each replica tells of users. */
function clusterWith(auth: Partial<ReplicaStatus>) {
  const network = new FakeNetwork(Object.fromEntries(REGIONS.map((region) => [region, takeCall])));
  for (const region of REGIONS) network.statuses.set(region, async () => status(region, auth));
  let recovered = 0;
  network.onRecover = async () => {
    recovered++;
    return { kind: "refused", reason: "isAlive", detail: "played" };
  };
  // Time flies: whoever finds no leader gives up at once.
  let now = 0;
  const clock = (): number => (now += 500);
  const { send } = appTo(network, { clock, sleep: () => Promise.resolve() });
  const ask = async (headers: Record<string, string>): Promise<readonly [number, number]> => {
    const looked = await send("GET", "/v1/clusters/default/replicas", { headers });
    const from = { region: "wnam", generation: 1 };
    const body = JSON.stringify({ from, region: "wnam", confirm: "9" });
    const init = { headers, body };
    const orders = await send("POST", "/v1/clusters/default/recover", init);
    return [looked.status, orders.status];
  };
  return { network, ask, recoveries: () => recovered };
}

const basic = (text: string): Record<string, string> => ({ Authorization: `Basic ${btoa(text)}` });

describe("looking at replicas, and rebuilding a cluster", () => {
  test.for([
    [{}, {}],
    [{ authEnabled: false }, {}],
    [{ authEnabled: true }, { Authorization: "roots.1" }],
    [{ authEnabled: true }, { Authorization: "Bearer roots.1" }],
    [{ authEnabled: true }, basic("root:pw")],
  ] as const)("where replicas tell %o: may be done with %o", async ([auth, headers]) => {
    const { ask, recoveries } = clusterWith(auth);
    // 409 is what Genesis, played, has to say.
    expect(await ask({ ...headers })).toEqual([200, 409]);
    expect(recoveries()).toBe(1);
  });

  test.for([
    {},
    { Authorization: "anns.2" },
    basic("root:wrong"),
    basic("ann:pw"),
    basic("anna:pw"),
    basic("pw"),
    { Authorization: "Basic ***" },
  ])("while users are in force, not with %o", async (headers) => {
    const { ask, recoveries } = clusterWith({ authEnabled: true });
    expect(await ask(headers)).toEqual([403, 403]);
    expect(recoveries()).toBe(0);
  });

  test("one replica that knows of users is enough", async () => {
    const { network, ask } = clusterWith({});
    network.statuses.set("weur", async () => status("weur", { authEnabled: true }));
    expect(await ask({})).toEqual([403, 403]);
  });

  /** A replica that says to anybody what it has: as one does that has not heard of users, or too little. */
  const behind =
    (hash: string) =>
    ({ request }: ReplicaCall): ReplicaAnswer => {
      const isOfHash = request.kind === "auth" && request.request.op === "passwordOf";
      const answer: AuthAnswer = isOfHash
        ? { op: "password", passwordHash: hash, authRevision: 2 }
        : { op: "users", users: [] };
      return { kind: "answered", header: headerOf("wnam", 3), answer: { kind: "auth", answer } };
    };

  test("one that is behind lets nobody in", async () => {
    const { network, ask } = clusterWith({ authEnabled: true });
    network.statuses.set("wnam", async () => status("wnam", { applied: 4 }));
    network.replicas.set("wnam", behind(passwordHash));
    expect(await ask({})).toEqual([403, 403]);
    network.statuses.set("wnam", async () => status("wnam", { applied: 4, authEnabled: true }));
    expect(await ask(basic("root:wrong"))).toEqual([403, 403]);
    expect(await ask({ Authorization: "roots.1" })).toEqual([200, 409]);
  });

  test("whoever leads the cluster says who root is", async () => {
    const { network, ask } = clusterWith({ authEnabled: true });
    network.statuses.set("enam", async () =>
      status("enam", { authEnabled: true, role: "leader", applied: 5 }),
    );
    const header = headerOf("enam", 3);
    network.replicas.set("enam", () => ({ kind: "refused", refusal: "invalidAuthToken", header }));
    expect(await ask({ Authorization: "roots.1" })).toEqual([403, 403]);
    expect(await ask(basic("root:pw"))).toEqual([403, 403]);
  });

  test("replicas that know no users are not asked about them: older code would halt", async () => {
    const { network, ask } = clusterWith({});
    await ask({ Authorization: "anns.2" });
    expect(network.calls).toEqual([]);
  });
});
