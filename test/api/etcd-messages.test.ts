// Every message that etcd refuses anything with: which test has it produced, or why it never comes.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { GATEWAY_ERRORS, refusalError } from "../../src/api/error.ts";
import { RECIPE_ERRORS } from "../../src/api/recipe-error.ts";
import { REFUSALS } from "../../src/base/refusal.ts";
import { ETCD_REFUSALS } from "../support/etcd-refusals.ts";

/** Those that `test/cluster/refusals.test.ts` does not produce: a file, and what stands in it. */
const ELSEWHERE: Readonly<Record<string, readonly [file: string, text: string]>> = {
  "etcdserver: root user does not have root role": AUTH("root user does not have root role"),
  "etcdserver: user name already exists": AUTH("user name already exists"),
  "etcdserver: user name not found": AUTH("user name not found"),
  "etcdserver: role name already exists": AUTH("role name already exists"),
  "etcdserver: role name not found": AUTH("role name not found"),
  "etcdserver: role is not granted to the user": AUTH("role is not granted to the user"),
  "etcdserver: permission is not granted to the role": AUTH(
    "permission is not granted to the role",
  ),
  "etcdserver: invalid auth management": AUTH("invalid auth management"),
  "etcdserver: permission denied": AUTH("permission denied"),
  "etcdserver: invalid auth token": AUTH("invalid auth token"),
  "etcdserver: authentication failed, invalid user ID or password": AUTH("authentication failed"),
  "auth: authentication failed, password was given for no password user": AUTH("no password user"),
  "etcdserver: revision of auth store is old": ["test/replica/auth.test.ts", "authRevisionOld"],
  "etcdserver: re-configuration failed due to not enough started members":
    MEMBERS("notEnoughStarted"),
  "etcdserver: unhealthy cluster": MEMBERS("unhealthy"),
  "etcdserver: can only promote a learner member which is in sync with leader":
    MEMBERS("learnerNotReady"),
  "etcdserver: too many learner members in cluster": MEMBERS("tooManyLearners"),
  "etcdserver: too many requests": ["test/replica/limits.test.ts", "tooManyRequests"],
  "etcdserver: not capable": ["test/api/maintenance-json.test.ts", "not capable"],
  "etcdserver: no leader": ROUTER("noLeader"),
  "etcdserver: request timed out": ROUTER("readTimeout"),
  "context deadline exceeded": ROUTER("writeTimeout"),
  "election: observe closed early": ["test/http/errors.test.ts", "RECIPE_ERRORS.observeEnded"],
  "mutex: session is expired": ["test/http/recipes.test.ts", "mutex: session is expired"],
};

function AUTH(text: string): readonly [string, string] {
  return ["test/cluster/auth.test.ts", text];
}
function MEMBERS(text: string): readonly [string, string] {
  return ["test/replica/members.test.ts", `"${text}"`];
}
function ROUTER(text: string): readonly [string, string] {
  return ["test/http/errors.test.ts", `${text}: {`];
}

/** What etcd has besides; `docs/differences-from-etcd.md` says why it never comes. */
const NEVER = [
  "etcdserver: invalid client api version",
  "etcdserver: member ID already exist",
  "etcdserver: cluster ID mismatch",
  "etcdserver: not leader",
  "etcdserver: rpc not supported for learner",
  "etcdserver: cluster version not found during downgrade",
  "etcdserver: cluster has a downgrade job in progress",
  "etcdserver: leader changed",
  "etcdserver: server stopped",
  "etcdserver: request timed out, possibly due to previous leader failure",
  "etcdserver: request timed out, possibly due to connection lost",
  "etcdserver: request timed out, waiting for the applied index took too long",
  "etcdserver: watch canceled",
  "etcdserver: request canceled",
  // What 3.5.16 says to a user who is not root; later ones say what is said of keys.
  "auth: permission denied",
];

const OURS = [
  ...REFUSALS.map((refusal) => refusalError(refusal)),
  ...Object.values(GATEWAY_ERRORS),
  ...Object.values(RECIPE_ERRORS),
].map(({ message }) => message);

const produced = new Set(
  ETCD_REFUSALS.map(([, , answer]) => answer.split(" ").slice(2).join(" ")).filter(Boolean),
);

describe("etcd's messages", () => {
  test.for(Object.entries(ELSEWHERE))("%s is produced elsewhere", ([message, [file, text]]) => {
    expect(OURS).toContain(message);
    expect(produced).not.toContain(message);
    expect(readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")).toContain(text);
  });

  test("none stands in our tables that no test produces", () => {
    const isEtcds = (message: string): boolean =>
      /^(etcdserver|auth|mutex|election): /.test(message);
    const unproduced = OURS.filter(
      (message) => isEtcds(message) && !produced.has(message) && !(message in ELSEWHERE),
    );
    expect(unproduced).toEqual([]);
  });

  test.for(NEVER)("%s is not in our tables, and the handbook says why", (message) => {
    expect(OURS).not.toContain(message);
    const page = new URL("../../docs/differences-from-etcd.md", import.meta.url);
    expect(readFileSync(page, "utf8")).toContain(message.replace("etcdserver: ", ""));
  });
});
