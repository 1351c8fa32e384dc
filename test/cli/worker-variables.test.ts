// What of the development server's environment reaches the Worker.

import { test } from "vitest";
import { workerVariables } from "../../src/cli/worker-variables.ts";

test.for([
  [{}, {}],
  [{ PATH: "/bin", JWT_KEY: "secret" }, {}],
  [
    { EDGEKEEPER_WATCH_PROGRESS_NOTIFY_INTERVAL: "1s" },
    { EDGEKEEPER_WATCH_PROGRESS_NOTIFY_INTERVAL: "1s" },
  ],
  [
    {
      EDGEKEEPER_AUTH_TOKEN: "jwt,sign-method=ES256,pub-key=SHOWN, priv-key=HIDDEN,ttl=5m",
      SHOWN: "a",
      HIDDEN: "b",
      OTHER: "c",
    },
    {
      EDGEKEEPER_AUTH_TOKEN: "jwt,sign-method=ES256,pub-key=SHOWN, priv-key=HIDDEN,ttl=5m",
      SHOWN: "a",
      HIDDEN: "b",
    },
  ],
  [
    { EDGEKEEPER_AUTH_TOKEN: "jwt,sign-method=HS256,priv-key=ABSENT" },
    { EDGEKEEPER_AUTH_TOKEN: "jwt,sign-method=HS256,priv-key=ABSENT" },
  ],
] as const)("of %j it is %j", ([environment, expected], { expect }) => {
  expect(workerVariables(environment)).toEqual(expected);
});
