// Owns planted bugs of requests within sessions.

import type { RunOptions } from "../plan.ts";
import type { Mutant } from "./mutant.ts";

const PIPELINE = "src/replica/pipeline.ts";
const PIPELINES = "src/replica/pipelines.ts";
const BEGIN = "    this.#server.begin(id, { ...asked.call, credentials, timeoutMs: left });";

const BY_SESSION: Partial<RunOptions> = { load: { isBySession: true } };

export const SESSION_MUTANTS: readonly Mutant[] = [
  {
    name: "session answers twice",
    models: "an answer stays in the outbox when its frames are taken",
    patches: [
      {
        file: PIPELINE,
        find: '    this.#outbox.push({ kind: "answer", request, body });',
        replace:
          '    for (let n = 0; n < 2; n++) this.#outbox.push({ kind: "answer", request, body });',
      },
    ],
    seeds: 10,
    run: BY_SESSION,
  },
  {
    name: "repeat in a session has another id",
    models: "a request is given its id by the replica that serves it, and not by its client",
    patches: [
      {
        file: PIPELINES,
        find: BEGIN,
        replace: `    const requestId = new Uint8Array(16);
    new DataView(requestId.buffer).setFloat64(0, id + Number(this.#header().memberId) * 1e6);
    this.#server.begin(id, { ...asked.call, requestId, credentials, timeoutMs: left });`,
      },
    ],
    seeds: 100,
    run: BY_SESSION,
  },
  {
    name: "answer to another number",
    models: "answers go out in the order of the questions",
    patches: [
      {
        file: PIPELINE,
        find: "    this.#say(request, body);\n  }\n\n  /** Answers a request that was not taken in. */",
        replace:
          "    this.#say([...this.#unanswered][0] ?? request, body);\n  }\n\n  /** Answers a request that was not taken in. */",
      },
    ],
    seeds: 20,
    run: BY_SESSION,
  },
  {
    name: "key of a session passed over",
    models: "the session hands on the fields that it knew before there were keys",
    patches: [
      {
        file: PIPELINES,
        find: BEGIN,
        replace: `    const { idempotencyKey: _, ...call } = asked.call;
    this.#server.begin(id, { ...call, credentials, timeoutMs: left });`,
      },
    ],
    seeds: 40,
    run: { load: { isBySession: true, isKeyed: true } },
  },
];
