// Owns one run from its seed to its judgement: first anything goes; then a quorum heals for good, and
// within a bound it must elect, commit, tell its watchers and end the leases that nobody keeps.

import type { Credentials } from "../../src/base/auth.ts";
import { KEYED_WRITES } from "../../src/apply/keyed-rows.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { LeaseTable } from "../../src/lease/lease-table.ts";
import { hashKv } from "../../src/mvcc/hash-kv.ts";
import { Store } from "../../src/mvcc/store.ts";
import { put } from "../support/requests.ts";
import { Streams, hashBytes, hashText, mix } from "./chance.ts";
import { Cluster } from "./cluster.ts";
import { Administrator, GUARDED, SUBJECT as SUBJECT_NAME } from "./clients/administrator.ts";
import { Book } from "./clients/book.ts";
import { resetSessions } from "./clients/connection.ts";
import { KeyedClient } from "./clients/keyed-client.ts";
import { KvClient } from "./clients/kv-client.ts";
import { LeaseClient } from "./clients/lease-client.ts";
import { judgeLeases } from "./clients/lease-judgement.ts";
import { Operator } from "./clients/operator.ts";
import { EVER, ROOT, Router, type Asker } from "./clients/router.ts";
import { SessionLine } from "./clients/session-line.ts";
import { Subject } from "./clients/subject.ts";
import { Upgrader } from "./clients/upgrader.ts";
import { WatchClient } from "./clients/watch-client.ts";
import { InstanceStorage } from "./database.ts";
import { Ledger } from "./ledger.ts";
import type { SimObject } from "./object.ts";
import { drawPlan, type Plan, type RunOptions } from "./plan.ts";
import { Schedule } from "./schedule.ts";
import { must, Trace, type World } from "./world.ts";

/**
 * How long a healed quorum has for everything that it owes. A replica that sleeps and is cut off finds
 * out after a minute, and only then sends its watchers elsewhere.
 */
const RECOVERY_MS = 100_000;

/** Where the probe and those who look after the cluster are. */
const PROBE = -99;
const OPERATOR = -98;
const ADMINISTRATOR = -97;
const SUBJECT = -96;
/** Those who name their writes. */
const KEYED = [-95, -94] as const;

/** Those who share one session. */
const SESSION_CLIENTS = 3;

/** How long clients go on after that, so that a healed cluster is seen at work. */
const WORK_MS = 1_500;

/** Steps of a run that goes round in circles; others take some ten thousand. */
const STEPS_MAX = 20_000_000;

export interface RunResult {
  readonly hash: number;
  readonly events: number;
  readonly revisions: number;
  readonly answered: number;
  readonly heard: number;
  readonly terms: number;
  readonly virtualMs: number;
  readonly marks: ReadonlyMap<string, number>;
}

/**
 * Runs one seed.
 *
 * @throws Violation when a promise is broken, InvariantError when a replica finds one broken.
 */
export function simulate(options: RunOptions): RunResult {
  const run = new Run(options);
  try {
    return run.run();
  } finally {
    run.close();
  }
}

class Run {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #ledger = new Ledger();
  readonly #book = new Book(this.#ledger);
  readonly #cluster: Cluster;
  readonly #kv: KvClient[] = [];
  readonly #leases: LeaseClient[] = [];
  readonly #watchers: WatchClient[] = [];
  readonly #operator: Operator | null;
  readonly #upgrader: Upgrader | null;
  readonly #administrator: Administrator | null;
  readonly #subject: Subject | null;
  readonly #keyed: readonly KeyedClient[];
  readonly #lines: SessionLine[] = [];
  readonly #marks = new Map<string, number>();
  readonly #places: number[] = [];
  #steps = 0;
  /** Something was written after the faults ended. */
  #isProbed = false;

  constructor(options: RunOptions) {
    const streams = new Streams(options.seed);
    this.#plan = drawPlan(options, streams);
    const schedule = new Schedule();
    this.#world = {
      schedule,
      streams,
      faults: this.#plan.faults,
      trace: new Trace(schedule, options.line ?? null),
      isAdverse: options.isAdverse ?? false,
      mark: (name) => this.#marks.set(name, (this.#marks.get(name) ?? 0) + 1),
    };
    this.#cluster = new Cluster(this.#world, this.#plan, this.#ledger);
    resetSessions();
    this.#makeClients(options.off ?? new Set());
    this.#operator = this.#makeOperator();
    this.#upgrader = this.#makeUpgrader();
    this.#administrator = this.#makeAdministrator();
    this.#subject = this.#administrator === null ? null : this.#makeSubject();
    this.#keyed = this.#plan.isKeyed ? this.#makeKeyed() : [];
  }

  run(): RunResult {
    this.#cluster.start();
    this.#operator?.start();
    this.#upgrader?.start();
    this.#administrator?.start();
    this.#subject?.start();
    for (const client of [...this.#keyed, ...this.#lines]) client.start();
    for (const client of [...this.#kv, ...this.#leases, ...this.#watchers]) client.start();
    this.#runUntil(this.#plan.faultyMs);
    const others = [PROBE, OPERATOR, ADMINISTRATOR, SUBJECT, ...KEYED];
    const healed = this.#cluster.heal([...this.#places, ...others]);
    this.#operator?.stop();
    this.#upgrader?.stop();
    this.#administrator?.stop();
    this.#subject?.stop();
    for (const client of [...this.#keyed, ...this.#lines]) client.stop();
    for (const client of this.#leases) client.stop();
    for (const client of this.#watchers) client.settle(this.#cluster.mute);
    this.#runUntil(this.#plan.faultyMs + WORK_MS);
    for (const client of this.#kv) client.stop();
    this.#probe();
    const { operateEveryMs } = this.#plan;
    const healthy = () => (operateEveryMs === null ? healed : this.#cluster.memberObjects);
    this.#recover(healthy);
    this.#judge(healthy());
    const { trace, schedule } = this.#world;
    return {
      hash: trace.hash,
      events: trace.events,
      revisions: this.#ledger.revision,
      answered: this.#book.answered,
      heard: this.#watchers.reduce((sum, { heard }) => sum + heard, 0),
      terms: this.#ledger.terms,
      virtualMs: schedule.now,
      marks: this.#marks,
    };
  }

  close(): void {
    this.#cluster.close();
  }

  #makeClients(off: ReadonlySet<string>): void {
    const { network, objects } = this.#cluster;
    const { kvClients, leaseClients, watchers, everyMs, writesPerSecond, strayRate } = this.#plan;
    const putEveryMs = writesPerSecond > 0 ? (1_000 * kvClients) / writesPerSecond : null;
    const place = (): number => {
      this.#places.push(-(this.#places.length + 1));
      return this.#places.at(-1)!;
    };
    const options = () => {
      const parts = { world: this.#world, network, objects, strayRate };
      const router = new Router({ client: place(), ...parts });
      return { router, world: this.#world, book: this.#book, off, everyMs, putEveryMs };
    };
    for (let n = 0; n < kvClients; n++) this.#kv.push(new KvClient(options()));
    if (this.#plan.isBySession) {
      const line = this.#line(place());
      for (let n = 0; n < SESSION_CLIENTS; n++) {
        this.#kv.push(new KvClient({ ...options(), router: line.asker(place()) }));
      }
    }
    for (let n = 0; n < leaseClients; n++) this.#leases.push(new LeaseClient(options()));
    for (let n = 0; n < watchers; n++) {
      const parts = { world: this.#world, network, objects, ledger: this.#ledger };
      this.#watchers.push(new WatchClient({ client: place(), ...parts, book: this.#book }));
    }
  }

  #line(place: number): SessionLine {
    const { network, objects } = this.#cluster;
    this.#lines.push(new SessionLine({ place, world: this.#world, network, objects }));
    return this.#lines.at(-1)!;
  }

  /** By a session of its own, or by the router. */
  #askerOf(client: number): Asker {
    return this.#plan.isBySession ? this.#line(client).asker(client) : this.#routerOf(client);
  }

  #routerOf(client: number): Router {
    const { network, objects } = this.#cluster;
    return new Router({ client, world: this.#world, network, objects, strayRate: 0 });
  }

  #makeOperator(): Operator | null {
    const { operateEveryMs: everyMs } = this.#plan;
    if (everyMs === null) return null;
    const router = this.#routerOf(OPERATOR);
    return new Operator({ router, world: this.#world, cluster: this.#cluster, everyMs });
  }

  #makeUpgrader(): Upgrader | null {
    if (!this.#plan.isUpgraded) return null;
    const { objects } = this.#cluster;
    return new Upgrader({ router: this.#routerOf(OPERATOR), world: this.#world, objects });
  }

  #makeAdministrator(): Administrator | null {
    const { administerEveryMs: everyMs } = this.#plan;
    if (everyMs === null) return null;
    const router = this.#routerOf(ADMINISTRATOR);
    const { objects } = this.#cluster;
    return new Administrator({ router, world: this.#world, objects, everyMs });
  }

  #makeSubject(): Subject {
    const { everyMs } = this.#plan;
    const router = this.#routerOf(SUBJECT);
    return new Subject({ router, world: this.#world, book: this.#book, everyMs });
  }

  /** Root, and one who may write to some keys only, and not always; while there are no users, nobody. */
  #makeKeyed(): KeyedClient[] {
    const administrator = this.#administrator;
    const subject: Credentials = { kind: "user", name: SUBJECT_NAME, authRevision: EVER };
    return KEYED.map((client, n) => {
      const isSubject = administrator !== null && n > 0;
      return new KeyedClient({
        router: this.#askerOf(client),
        world: this.#world,
        credentials: isSubject ? subject : ROOT,
        prefix: isSubject ? `${GUARDED}named` : `named${n}`,
        isReady: () => administrator === null || administrator.isSetUp,
        isUser: administrator !== null,
        everyMs: this.#plan.everyMs,
      });
    });
  }

  #runUntil(end: number): void {
    const { schedule } = this.#world;
    while (schedule.runNext(end))
      must(++this.#steps < STEPS_MAX, "the run does not come to an end");
  }

  /** Writes, as often as it takes. */
  #probe(): void {
    const router = this.#routerOf(PROBE);
    const attempt = (): void => {
      const value = encodeUtf8(`probe ${this.#world.schedule.now}`);
      router.ask(put(encodeUtf8("probe"), value), (result) => {
        if (result.kind === "answered") this.#isProbed = true;
        else attempt();
      });
    };
    attempt();
  }

  /** Demands, within a bound, all that a healed quorum owes. */
  #recover(healthy: () => readonly SimObject[]): void {
    const { schedule } = this.#world;
    const end = schedule.now + RECOVERY_MS;
    let owed = this.#owed(healthy());
    while (owed !== null && schedule.now < end) {
      this.#runUntil(schedule.now + 250);
      owed = this.#owed(healthy());
    }
    must(owed === null, `${RECOVERY_MS} ms after a quorum healed: ${owed}`);
  }

  /** What a healed quorum still owes; null when nothing. */
  #owed(healthy: readonly SimObject[]): string | null {
    const ledger = this.#ledger;
    if (this.#operator?.isIdle === false) return "an operator waits for an answer";
    if (this.#administrator?.hasAlarms(healthy) === true) return "an alarm is not lowered";
    if (!this.#isProbed) return "it commits nothing";
    if ([...this.#kv, ...this.#keyed].some(({ isIdle }) => !isIdle))
      return "a client waits for an answer";
    const leasesLeft = healthy.some(({ database }) => leasesOf(database).length > 0);
    if (leasesLeft) return "a lease has not ended";
    const applied = Math.max(...healthy.map(({ observer }) => observer.standing.applied));
    const lags = healthy.find(({ observer }) => observer.standing.applied < applied);
    if (lags !== undefined || applied < ledger.committedIndex) return "a replica lags";
    if (healthy.some(({ hasUnconfirmed }) => hasUnconfirmed)) return "writes are not confirmed";
    const behind = this.#watchers.find(({ through }) => through < ledger.revision);
    return behind === undefined
      ? null
      : `a watcher was not told: ${behind.place} of ${ledger.revision}`;
  }

  #judge(healthy: readonly SimObject[]): void {
    this.#book.judge();
    this.#administrator?.judge(this.#ledger);
    judgeLeases({
      records: this.#leases.flatMap(({ records }) => records),
      ledger: this.#ledger,
      leadMs:
        this.#cluster.clockLeadMs + 2 * this.#plan.faults.clockDrift * this.#world.schedule.now,
    });
    const hashes = healthy.map(({ database }) => stateHash(database));
    must(areEqual(hashes), "replicas that applied the same hold different states");
    this.#world.trace.note("state", hashes[0]!);
    this.#judgeHistories(healthy);
    this.#judgeAlarms(healthy);
  }

  /** Nothing was corrupted, so no replica may have been found to differ. */
  #judgeAlarms(healthy: readonly SimObject[]): void {
    for (const { database, observer } of healthy) {
      const corrupt = database.all("SELECT member FROM alarm WHERE alarm = 'corrupt'", []);
      must(corrupt.length === 0, `${observer.standing.name}: an alarm, and nothing is corrupt`);
      const compared = database.all("SELECT id FROM meta WHERE compared IS NOT NULL", []);
      if (compared.length > 0) this.#world.mark("states compared");
    }
  }

  /** As etcd's HashKV compares members: at the latest revision, and at one between. */
  #judgeHistories(healthy: readonly SimObject[]): void {
    const { revision } = this.#ledger;
    const between = Math.ceil((Math.max(this.#book.compactionAsked, 1) + revision) / 2);
    for (const at of [revision, between]) {
      const hashes = healthy.map(({ database }) => historyHash(database, at));
      must(areEqual(hashes), () => `histories up to ${at} differ: ${hashes.join(", ")}`);
    }
  }
}

const areEqual = (values: readonly unknown[]): boolean =>
  values.every((value) => value === values[0]);

const leasesOf = (database: SimObject["database"]) =>
  new LeaseTable(new InstanceStorage(database)).all();

/** What is replicated besides keys and leases. */
const UNVERSIONED = [
  "SELECT * FROM auth",
  "SELECT * FROM auth_user ORDER BY name",
  "SELECT * FROM auth_role ORDER BY name",
  "SELECT * FROM auth_token ORDER BY token",
  "SELECT * FROM alarm ORDER BY member, alarm",
  "SELECT limits FROM meta",
];

/** A hash of everything that is replicated and readable now. */
function stateHash(database: SimObject["database"]): number {
  let hash = 0;
  const take = (value: unknown): void => {
    hash =
      value instanceof Uint8Array ? hashBytes(value, hash) : mix(hash, hashText(String(value)));
  };
  const rows = database.all(
    `SELECT key, create_revision, mod_revision, version, lease, value, sub FROM now ORDER BY key`,
    [],
  );
  for (const row of rows) for (const value of Object.values(row)) take(value);
  const meta = database.all("SELECT compacted, cluster_version, version_cap FROM meta", []);
  for (const value of Object.values(meta[0]!)) take(value);
  const leases = leasesOf(database).map(
    ({ id, ttlSeconds, horizon }) => `${id} ${ttlSeconds} ${horizon}`,
  );
  for (const lease of leases.toSorted()) take(lease);
  for (const statement of UNVERSIONED) {
    for (const row of database.all(statement, [])) {
      for (const value of Object.values(row)) take(value);
    }
  }
  // Wherever they stand.
  take(KEYED_WRITES.copy(new InstanceStorage(database)));
  return hash;
}

/** HashKV at a revision, with the compacted revision that it counts from. */
function historyHash(database: SimObject["database"], revision: number): string {
  const sql = new InstanceStorage(database);
  const result = hashKv(sql, new Store(sql), revision);
  must(result.ok, () => `revision ${revision} cannot be hashed`);
  const { hash, compactRevision } = result.value;
  return `${hash} from ${compactRevision}`;
}
