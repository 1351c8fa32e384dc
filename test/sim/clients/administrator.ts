// Owns whoever administers a cluster while it serves: auth is turned on, a user may write and then may
// not, alarms are raised and lowered, limits set. What each of that forbids is told by its place in the
// log: an answer's revision is the store's when its entry was applied.

import type { ClientRequest } from "../../../src/api/replica.ts";
import type { AlarmKind } from "../../../src/base/alarm.ts";
import type { AuthRequest } from "../../../src/base/auth.ts";
import { DEFAULT_LIMITS } from "../../../src/base/cluster-limits.ts";
import { asMemberId } from "../../../src/base/types.ts";
import { addUser, grant, permit, ROOT_USER } from "../../auth/requests.ts";
import type { Chance } from "../chance.ts";
import type { Ledger, LedgerEvent } from "../ledger.ts";
import type { SimObject } from "../object.ts";
import { must, type World } from "../world.ts";
import type { Result, Router } from "./router.ts";

/** Whose permissions change, and the keys that they are about. */
export const SUBJECT = "ann";
export const GUARDED = "g";

/** Of no member: an alarm that a replica raises by itself is another. */
const MEMBER = asMemberId(77n);

const SETUP: readonly AuthRequest[] = [
  ...ROOT_USER,
  addUser(SUBJECT),
  { op: "roleAdd", name: "r" },
  grant(SUBJECT, "r"),
  permit("r", "readwrite", GUARDED, "h"),
  { op: "enable" },
];

/** How long an alarm stays, at most. */
const ALARM_MS_MAX = 400;

/** Between two looks whether an alarm is left that a late attempt has raised. */
const LOOK_MS = 1_000;

/** Nothing like that happens from one revision to another. */
interface Ban {
  readonly what: string;
  readonly forbids: (event: LedgerEvent) => boolean;
  readonly after: number;
  readonly upTo: number;
}

const BANS = {
  permission: (event: LedgerEvent) => event.kind === "put" && event.key.startsWith(GUARDED),
  noSpace: (event: LedgerEvent) => event.kind === "put",
  corrupt: () => true,
} as const;

type BanName = keyof typeof BANS;

export interface AdministratorOptions {
  readonly router: Router;
  readonly world: World;
  readonly objects: readonly SimObject[];
  readonly everyMs: number;
}

export class Administrator {
  readonly #options: AdministratorOptions;
  readonly #chance: Chance;
  readonly #bans: Ban[] = [];
  /** From which revision on something is forbidden that is not allowed again yet. */
  readonly #open = new Map<BanName, number>();
  /** What was asked in vain may still happen, anywhere: these are told no more. */
  readonly #lost = new Set<BanName>();
  #mayWrite = true;
  #users = 0;
  #isStopped = false;
  /** Auth is on, and goes on being so. */
  isSetUp = false;

  constructor(options: AdministratorOptions) {
    this.#options = options;
    this.#chance = options.world.streams.stream("administrator");
  }

  start(): void {
    this.#setUp(0);
  }

  /** Does nothing more but lower alarms. */
  stop(): void {
    this.#isStopped = true;
    this.#lookForAlarms();
  }

  /** Whether an alarm of its own is active on one of these. */
  hasAlarms(objects: readonly SimObject[]): boolean {
    const own = `SELECT alarm FROM alarm WHERE member = '${MEMBER}'`;
    return objects.some(({ database }) => database.all(own, []).length > 0);
  }

  /** Nothing was applied that was forbidden at its place in the log. */
  judge(ledger: Ledger): void {
    for (const [name, after] of this.#open) this.#ban(name, after, Infinity);
    for (const { what, forbids, after, upTo } of this.#bans) {
      for (let at = after + 1; at <= Math.min(upTo, ledger.revision); at++) {
        const broken = ledger.at(at)?.events.find(forbids);
        must(
          broken === undefined,
          () => `${broken?.key} is changed at ${at}, and ${what} forbids it after ${after}`,
        );
      }
    }
  }

  /** One by one, until each is answered; one that was there already is refused. */
  #setUp(step: number): void {
    const { router, world } = this.#options;
    const request = SETUP[step];
    if (this.#isStopped) return;
    if (request === undefined) {
      world.mark("auth enabled");
      this.isSetUp = true;
      return this.#rest();
    }
    router.ask({ kind: "auth", request }, (result) => {
      const isThere = result.kind === "refused" && result.refusal !== "changeUnderWay";
      const isDone = result.kind === "answered" || isThere;
      world.schedule.after(this.#chance.between(1, 50), () =>
        this.#setUp(isDone ? step + 1 : step),
      );
    });
  }

  #rest(): void {
    const { world, everyMs } = this.#options;
    world.schedule.after(this.#chance.around(everyMs), () => {
      if (!this.#isStopped) this.#act();
    });
  }

  #act(): void {
    const kind = this.#chance.between(0, 10);
    if (kind < 5) return this.#changePermission();
    if (kind < 7) return this.#raise(this.#chance.next() < 0.7 ? "noSpace" : "corrupt");
    if (kind < 8) return this.#ask(this.#limits());
    this.#ask({ kind: "auth", request: this.#change() });
  }

  #ask(request: ClientRequest): void {
    this.#options.router.ask(request, () => this.#rest());
  }

  #limits(): ClientRequest {
    const leases = this.#chance.pick([0, 1, 50]);
    const requestsPerSecond = this.#chance.pick([0, 0, 200]);
    return { kind: "setLimits", limits: { ...DEFAULT_LIMITS, leases, requestsPerSecond } };
  }

  #change(): AuthRequest {
    const name = `u${this.#users}`;
    switch (this.#chance.between(0, 3)) {
      case 0:
        return { op: "userChangePassword", name: SUBJECT, passwordHash: `$2a$${this.#users}` };
      case 1:
        return { op: "userDelete", name };
      default:
        return addUser(`u${++this.#users}`);
    }
  }

  /** The same keys with another type take the place of what was there. */
  #changePermission(): void {
    this.#mayWrite = !this.#mayWrite;
    const request = permit("r", this.#mayWrite ? "readwrite" : "read", GUARDED, "h");
    this.#options.router.ask({ kind: "auth", request }, (result) => {
      this.#told("permission", !this.#mayWrite, result);
      if (result.kind !== "answered") this.#mayWrite = !this.#mayWrite;
      else this.#options.world.mark(this.#mayWrite ? "permission given" : "permission taken");
      this.#rest();
    });
  }

  #raise(alarm: AlarmKind & BanName): void {
    const { router, world } = this.#options;
    router.ask({ kind: "alarm", action: "activate", member: MEMBER, alarm }, (result) => {
      // Once it looks for alarms, one may be lowered before the answer to its raising comes.
      this.#told(alarm, true, this.#isStopped ? { kind: "unknown" } : result);
      world.mark(`alarm ${alarm} ${result.kind}`);
      world.schedule.after(this.#chance.between(0, ALARM_MS_MAX), () => this.#lower(alarm));
    });
  }

  #lower(alarm: AlarmKind & BanName): void {
    const { router } = this.#options;
    router.ask({ kind: "alarm", action: "deactivate", member: MEMBER, alarm }, (result) => {
      // Two may be under way at the end: one that finds nothing to lower does not tell when it was.
      this.#told(alarm, false, hasLowered(result) ? result : { kind: "unknown" });
      if (this.#isStopped) return;
      if (result.kind === "answered") this.#rest();
      else this.#lower(alarm);
    });
  }

  #lookForAlarms(): void {
    const { objects, world } = this.#options;
    if (this.hasAlarms(objects)) {
      this.#lower("noSpace");
      this.#lower("corrupt");
    }
    world.schedule.after(LOOK_MS, () => this.#lookForAlarms());
  }

  /** Something is forbidden from now on, or allowed. */
  #told(name: BanName, isForbidden: boolean, result: Result): void {
    // It has not happened and never will: all is as before.
    if (result.kind === "refused" || result.kind === "overwritten") return;
    const after = this.#open.get(name);
    this.#open.delete(name);
    if (result.kind === "unknown") this.#lost.add(name);
    if (result.kind === "unknown" || this.#lost.has(name)) return;
    if (after !== undefined) this.#ban(name, after, result.revision);
    if (isForbidden) this.#open.set(name, result.revision);
  }

  #ban(what: BanName, after: number, upTo: number): void {
    this.#bans.push({ what, forbids: BANS[what], after, upTo });
  }
}

const hasLowered = (result: Result): boolean =>
  result.kind !== "answered" || result.answer.kind !== "alarm" || result.answer.alarms.length > 0;
