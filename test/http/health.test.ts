// `/livez` and `/readyz`: what monitors read. The texts are those of an etcd 3.5.16; `non_learner`
// is of later ones.

import { describe, expect, test } from "vitest";
import type { ReplicaStatus } from "../../src/api/replica.ts";
import type { AlarmKind } from "../../src/base/alarm.ts";
import { asMemberId, asTerm } from "../../src/base/types.ts";
import { appTo, led } from "./support/app.ts";
import { FakeNetwork, follows } from "./support/fake-network.ts";

const status = (role: ReplicaStatus["role"], ...alarms: AlarmKind[]): ReplicaStatus => ({
  role,
  memberId: asMemberId(1n),
  leader: asMemberId(1n),
  term: asTerm(1),
  commit: 1,
  applied: 1,
  revision: 1,
  incarnation: 1,
  isAsleep: false,
  clusterVersion: 3,
  alarms: alarms.map((alarm) => ({ member: asMemberId(1n), alarm })),
});

async function ask(network: FakeNetwork, path: string, method = "GET") {
  const response = await appTo(network).send(method, path);
  return { status: response.status, text: await response.text(), headers: response.headers };
}

const leaderless = (): FakeNetwork =>
  new FakeNetwork({ wnam: follows(null), enam: follows(null), weur: follows(null) });

const LISTED =
  "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\n";

describe("a cluster that is well", () => {
  test.for([
    ["/livez", "ok\n"],
    ["/readyz", "ok\n"],
    ["/c/default/readyz", "ok\n"],
    ["/livez?verbose", "[+]serializable_read ok\nok\n"],
    ["/readyz?verbose", `${LISTED}ok\n`],
    [
      "/readyz?verbose&exclude=linearizable_read&exclude=non_learner&exclude=data_corruption",
      "[+]serializable_read ok\nok\n",
    ],
    ["/readyz?verbose&exclude=nope", `${LISTED}ok\n`],
    ["/readyz/linearizable_read", "ok\n"],
    ["/livez/serializable_read?verbose", "[+]serializable_read ok\nok\n"],
  ])("%s", async ([path, text]) => {
    const answer = await ask(led(), path!);
    expect(answer).toMatchObject({ status: 200, text });
    expect(answer.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
    expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
  });

  test("is ready although one that answers is a learner", async () => {
    const network = led();
    network.statuses.set("wnam", async () => status("leader"));
    network.statuses.set("enam", async () => status("learner"));
    expect((await ask(network, "/readyz")).status).toBe(200);
  });
});

describe("a cluster that is not", () => {
  test("without a leader it is alive as long as it reads", async () => {
    const network = leaderless();
    expect(await ask(network, "/readyz/linearizable_read")).toMatchObject({
      status: 503,
      text: "[-]linearizable_read failed: etcdserver: no leader\n\n",
    });
  }, 15_000);

  test("of learners alone it is not ready", async () => {
    const network = led();
    network.statuses.set("wnam", async () => status("learner"));
    expect(await ask(network, "/readyz")).toMatchObject({
      status: 503,
      text: `${LISTED.replace("[+]non_learner ok", "[-]non_learner failed: not supported for learner")}\n`,
    });
  });
});

describe("alarms", () => {
  const alarmed = (...alarms: AlarmKind[]): FakeNetwork => {
    const network = led();
    network.statuses.set("wnam", async () => status("leader", ...alarms));
    return network;
  };

  test.for(["/health", "/readyz"])("%s asks nobody but the leader for them", async (path) => {
    const network = alarmed();
    const asked: string[] = [];
    for (const region of ["enam", "weur"]) {
      network.statuses.set(region, () => {
        asked.push(region);
        return Promise.withResolvers<never>().promise;
      });
    }
    expect((await ask(network, path)).status).toBe(200);
    expect(asked).toEqual([]);
  });

  test("are told by another when the leader does not tell", async () => {
    const network = alarmed();
    network.statuses.set("wnam", () => Promise.withResolvers<never>().promise);
    network.statuses.set("enam", async () => status("follower", "corrupt"));
    expect(await ask(network, "/health")).toMatchObject({ status: 503 });
  });

  test("of corruption keep a cluster from being ready, not from being alive", async () => {
    expect(await ask(alarmed("corrupt"), "/readyz/data_corruption")).toMatchObject({
      status: 503,
      text: "[-]data_corruption failed: alarm activated: CORRUPT\n\n",
    });
    expect((await ask(alarmed("corrupt"), "/livez")).status).toBe(200);
    expect((await ask(alarmed("corrupt"), "/readyz?exclude=data_corruption")).status).toBe(200);
  });

  test.for([
    [["noSpace"], "", "ALARM NOSPACE"],
    [["corrupt"], "", "ALARM CORRUPT"],
    [["noSpace", "corrupt"], "", "ALARM NOSPACE"],
    [["noSpace", "corrupt"], "?exclude=NOSPACE", "ALARM CORRUPT"],
  ] as const)("%s are told by /health%s", async ([alarms, query, reason]) =>
    expect(await ask(alarmed(...alarms), `/health${query}`)).toMatchObject({
      status: 503,
      text: JSON.stringify({ health: "false", reason }),
    }),
  );

  test("that are excluded do not count", async () =>
    expect((await ask(alarmed("noSpace"), "/health?exclude=NOSPACE")).status).toBe(200));
});

describe("what is no check", () => {
  test.for(["/livez/linearizable_read", "/readyz/nope"])("%s is 404", async (path) =>
    expect(await ask(led(), path)).toMatchObject({ status: 404, text: "404 page not found\n" }),
  );

  test.for(["POST", "PUT", "HEAD"])("%s is 405", async (method) => {
    for (const path of ["/livez", "/readyz", "/health", "/version"]) {
      const answer = await ask(led(), path, method);
      expect(answer.status).toBe(405);
      expect(answer.headers.get("Allow")).toBe("GET");
    }
  });
});
