// Owns random histories: a seed and a number make one, always the same. They are sequences like those of
// the corpus, so that what is found can be replayed, shrunk and kept.

import { Chance, mix } from "../../sim/chance.ts";
import { by, each, giveRole, logIn, roleAdd, ROOT, userAdd, allow } from "../corpus/auth-steps.ts";
import { ALL, b, call, close, say, socket, stream, type Sequence, type Step } from "../sequence.ts";
import * as requests from "./requests.ts";
import type { Draw } from "./requests.ts";

export interface HistoryOptions {
  readonly seed: number;
  readonly number: number;
  readonly operations: number;
  /** Whether some histories have authentication turned on. */
}

/** Streams that are open at once, of either kind. */
const STREAMS_MAX = 4;
const AUTH_RATE = 0.25;
/** Writes make about so many revisions each. */
const REVISIONS_PER_STEP = 0.4;

export function drawHistory(options: HistoryOptions): Sequence {
  const chance = new Chance(mix(mix(0x811c9dc5, options.seed), options.number));
  const hasAuth = chance.hits(AUTH_RATE);
  const history = new History(chance, hasAuth);
  const opening = hasAuth ? AUTH_STEPS : [];
  const steps = [...opening];
  while (steps.length < options.operations) {
    const revision = 1 + Math.floor((steps.length - opening.length) * REVISIONS_PER_STEP);
    steps.push(...history.next(revision));
  }
  if (hasAuth) steps.push(by("root", call("/auth/disable")));
  return { name: `seed ${options.seed}, history ${options.number}`, steps };
}

/** `u` reads `[a, c)` and writes `[b, d)`. */
const AUTH_STEPS: readonly Step[] = [
  roleAdd("r"),
  allow("r", "READ", "a", b("c")),
  allow("r", "WRITE", "b", b("d")),
  userAdd("u", "p"),
  giveRole("u", "r"),
  ...ROOT,
  logIn("u", "p", "u"),
];

type Kind = (draw: Draw) => Step[];

class History {
  readonly #chance: Chance;
  readonly #hasAuth: boolean;
  readonly #streams: string[] = [];
  readonly #sockets: string[] = [];
  #opened = 0;

  constructor(chance: Chance, hasAuth: boolean) {
    this.#chance = chance;
    this.#hasAuth = hasAuth;
  }

  next(revision: number): Step[] {
    const draw = { chance: this.#chance, revision };
    const kind = this.#chance.pick(KINDS);
    const steps = kind === "stream" ? this.#stream(draw) : kind(draw);
    return this.#hasAuth ? this.#signed(steps) : steps;
  }

  /** Watches come and go; a socket's client goes on speaking. */
  #stream(draw: Draw): Step[] {
    const { chance } = draw;
    const open = [...this.#streams, ...this.#sockets];
    const dice = chance.next();
    if (open.length > 0 && (dice < 0.2 || open.length >= STREAMS_MAX)) {
      return [this.#close(chance.pick(open))];
    }
    if (this.#sockets.length > 0 && dice < 0.6) return [this.#speak(draw)];
    const name = `s${++this.#opened}`;
    if (dice < 0.8 || this.#hasAuth) {
      this.#streams.push(name);
      const creates = Array.from({ length: chance.between(1, 4) }, () => requests.watchBody(draw));
      return [stream(name, "/watch", creates)];
    }
    this.#sockets.push(name);
    return [socket(name, "/watch"), say(name, requests.watchBody(draw))];
  }

  #speak(draw: Draw): Step {
    const { chance } = draw;
    const name = chance.pick(this.#sockets);
    if (chance.hits(0.6)) return say(name, requests.watchBody(draw));
    return say(name, { cancel_request: { watch_id: chance.between(0, 5) } });
  }

  #close(name: string): Step {
    for (const names of [this.#streams, this.#sockets]) {
      if (names.includes(name)) names.splice(names.indexOf(name), 1);
    }
    return close(name);
  }

  /**
   * Who asks: mostly root, often the user who may do little, now and then nobody. What 3.5.16 lets
   * people do whom later versions refuse is root's.
   */
  #signed(steps: Step[]): Step[] {
    const dice = this.#chance.next();
    if (dice < 0.05 && steps.every(isPlain)) return steps;
    return each(dice < 0.5 || !steps.every(isModest) ? "root" : "u", ...steps);
  }
}

const isPlain = (step: Step): boolean =>
  step.kind === "call" && /\/kv\/(range|put|deleterange)$/.test(step.path);

/** Asks for nothing that 3.5.16 forgets to check: nested transactions, watches from a key on. */
function isModest(step: Step): boolean {
  if (isPlain(step)) return true;
  if (step.kind === "stream") return !step.body.includes('"range_end":"AA=="');
  return step.kind === "call" && step.path === "/v3/kv/txn" && !/txn/.test(step.body ?? "");
}

const range: Kind = (draw) => [call("/kv/range", requests.rangeBody(draw))];
const put: Kind = (draw) => [call("/kv/put", requests.putBody(draw))];
const deletion: Kind = (draw) => [call("/kv/deleterange", requests.deleteBody(draw))];
const txn: Kind = (draw) => [call("/kv/txn", requests.txnBody(draw, 2))];
const all: Kind = () => [call("/kv/range", ALL)];
/** Times to live are so far apart that the order of ends is certain. */
const grant: Kind = ({ chance }) => [
  call("/lease/grant", {
    ID: chance.pick(requests.LEASES),
    TTL: chance.pick([10_000, 20_000, 30_000]),
  }),
];
const revoke: Kind = ({ chance }) => [call("/lease/revoke", { ID: chance.pick(requests.LEASES) })];
const timeToLive: Kind = ({ chance }) => [
  call("/lease/timetolive", { ID: chance.pick(requests.LEASES), keys: chance.hits(0.5) }),
];
const keepAlive: Kind = ({ chance }) => [
  call("/lease/keepalive", { ID: chance.pick(requests.LEASES) }),
];
const leases: Kind = () => [call("/lease/leases")];
const compact: Kind = (draw) => [
  call("/kv/compaction", {
    revision: requests.anyRevision({ ...draw, revision: Math.floor(draw.revision * 0.8) }),
    physical: draw.chance.hits(0.5),
  }),
];
const malformed: Kind = (draw) => {
  const [step] = draw.chance.pick([range, put, deletion, txn])(draw);
  if (step?.kind !== "call") return [];
  return [{ ...step, body: requests.hurt(draw.chance, step.body ?? "") }];
};

const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

const KINDS: readonly (Kind | "stream")[] = [
  ...times(28, put),
  ...times(18, range),
  ...times(9, deletion),
  ...times(20, txn),
  ...times(2, all),
  ...times(5, grant),
  ...times(2, revoke),
  ...times(4, timeToLive),
  ...times(1, keepAlive),
  ...times(1, leases),
  ...times(2, compact),
  ...times(5, malformed),
  ...times(3, "stream" as const),
];
