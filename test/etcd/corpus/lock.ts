// Owns sequences of locks and elections.

import { b, call, close, del, everything, grant, pass, put, range, stream } from "../sequence.ts";
import { ALL, topic, watch, type Step } from "../sequence.ts";

const lock = (name: string, lease: number): Step => call("/lock/lock", { name: b(name), lease });
/** A lock that has to wait: the answer comes while the sequence goes on. */
const wait = (as: string, name: string, lease: number): Step =>
  stream(as, "/lock/lock", { name: b(name), lease });
const unlock = (key: string): Step => call("/lock/unlock", { key });
const revoke = (id: number): Step => call("/lease/revoke", { ID: id });
/** The key of a lock or candidate: its name and its lease, in base 16. */
const keyOf = (name: string, lease: number): string => b(`${name}/${lease.toString(16)}`);

export const locks = topic("locks", {
  "is taken, and given back": [
    grant(7),
    lock("l", 7),
    everything(),
    unlock(keyOf("l", 7)),
    everything(),
  ],
  "is taken twice by one lease": [grant(7), lock("l", 7), lock("l", 7), everything()],
  "of another name": [grant(7), lock("l", 7), lock("m", 7), everything()],
  "of an unknown lease": [lock("l", 99), everything()],
  "without a lease": [
    call("/lock/lock", { name: b("l") }, { keep: { key: "key" } }),
    unlock("$key"),
    everything(),
  ],
  "without a name": [grant(7), call("/lock/lock", { lease: 7 }), everything()],
  "without anything": [call("/lock/lock", {}, { keep: { key: "key" } })],
  "is given back although nobody has it": [unlock(b("nothing")), unlock(keyOf("l", 7))],
  "is given back twice": [grant(7), lock("l", 7), unlock(keyOf("l", 7)), unlock(keyOf("l", 7))],
  "is given back without a key": [call("/lock/unlock", {}), unlock("")],
  "is waited for": [
    grant(7),
    grant(8),
    lock("l", 7),
    wait("w", "l", 8),
    unlock(keyOf("l", 7)),
    everything(),
  ],
  "is waited for by two, in order": [
    grant(7),
    grant(8),
    grant(9),
    lock("l", 7),
    wait("w", "l", 8),
    wait("v", "l", 9),
    unlock(keyOf("l", 7)),
    unlock(keyOf("l", 8)),
    everything(),
  ],
  "comes free with the lease": [
    grant(7),
    grant(8),
    lock("l", 7),
    wait("w", "l", 8),
    revoke(7),
    everything(),
  ],
  "is waited for by one who goes": [
    grant(7),
    grant(8),
    lock("l", 7),
    wait("w", "l", 8),
    close("w"),
    pass(1_000),
    call("/lease/timetolive", { ID: 99 }),
  ],
  "is waited for by one whose lease ends": [
    grant(7),
    grant(8),
    lock("l", 7),
    wait("w", "l", 8),
    revoke(8),
    unlock(keyOf("l", 7)),
    everything(),
  ],
  "the middle one of three ends": [
    grant(7),
    grant(8),
    grant(9),
    lock("l", 7),
    wait("w", "l", 8),
    wait("v", "l", 9),
    revoke(8),
    unlock(keyOf("l", 7)),
    everything(),
  ],
  "is seen by a watch": [grant(7), watch("w", ALL), lock("l", 7), unlock(keyOf("l", 7))],
  "of a name that begins another's": [
    grant(7),
    grant(8),
    lock("l", 7),
    lock("l/a", 8),
    everything(),
  ],
  "of a name of any bytes": [
    grant(7),
    call("/lock/lock", { name: "/wAB", lease: 7 }),
    everything(),
  ],
  "has its revision in the header": [
    grant(7),
    put("a", "1"),
    put("a", "2"),
    lock("l", 7),
    put("a", "3"),
    lock("l", 7),
  ],
  "is broken by a deletion": [
    grant(7),
    grant(8),
    lock("l", 7),
    wait("w", "l", 8),
    del("l/7"),
    everything(),
  ],
  "malformed requests": [
    call("/lock/lock", "{bad"),
    call("/lock/lock", { name: 1 }),
    call("/lock/unlock", { key: "***" }),
  ],
});

const campaign = (name: string, lease: number, value: string): Step =>
  call("/election/campaign", { name: b(name), lease, value: b(value) });
const runFor = (as: string, name: string, lease: number, value: string): Step =>
  stream(as, "/election/campaign", { name: b(name), lease, value: b(value) });
const leaderKey = (name: string, lease: number, rev: number): object => ({
  name: b(name),
  key: keyOf(name, lease),
  rev,
  lease,
});
const proclaim = (leader: object, value: string): Step =>
  call("/election/proclaim", { leader, value: b(value) });
const resign = (leader: object): Step => call("/election/resign", { leader });
const leader = (name: string): Step => call("/election/leader", { name: b(name) });
const observe = (as: string, name: string): Step =>
  stream(as, "/election/observe", { name: b(name) });

export const elections = topic("elections", {
  "is won by the only one": [grant(7), campaign("e", 7, "x"), leader("e"), everything()],
  "has no leader": [leader("e"), put("e", "1"), leader("e")],
  "is won again with the same value": [
    grant(7),
    campaign("e", 7, "x"),
    campaign("e", 7, "x"),
    everything(),
  ],
  "is won again with another value": [
    grant(7),
    campaign("e", 7, "x"),
    campaign("e", 7, "y"),
    leader("e"),
    everything(),
  ],
  "of an unknown lease": [campaign("e", 99, "x")],
  "without a lease": [
    call(
      "/election/campaign",
      { name: b("e"), value: b("x") },
      { keep: { key: "leader.key", lease: "leader.lease" } },
    ),
  ],
  "without a value": [
    grant(7),
    call("/election/campaign", { name: b("e"), lease: 7 }),
    leader("e"),
  ],
  "of another value": [
    grant(7),
    campaign("e", 7, "x"),
    proclaim(leaderKey("e", 7, 2), "y"),
    leader("e"),
    everything(),
  ],
  "of another value by one who does not lead": [
    grant(7),
    campaign("e", 7, "x"),
    proclaim(leaderKey("e", 8, 2), "y"),
    proclaim(leaderKey("e", 7, 9), "y"),
    leader("e"),
  ],
  "of another value without a leader": [
    call("/election/proclaim", { value: b("y") }),
    call("/election/proclaim", {}),
  ],
  "is resigned": [
    grant(7),
    campaign("e", 7, "x"),
    resign(leaderKey("e", 7, 2)),
    leader("e"),
    everything(),
  ],
  "is resigned twice": [
    grant(7),
    campaign("e", 7, "x"),
    resign(leaderKey("e", 7, 2)),
    resign(leaderKey("e", 7, 2)),
  ],
  "is resigned with a wrong revision": [
    grant(7),
    campaign("e", 7, "x"),
    resign(leaderKey("e", 7, 9)),
    leader("e"),
    everything(),
  ],
  "is resigned without a leader": [call("/election/resign", {})],
  "is waited for": [
    grant(7),
    grant(8),
    campaign("e", 7, "x"),
    runFor("c", "e", 8, "y"),
    leader("e"),
    resign(leaderKey("e", 7, 2)),
    leader("e"),
  ],
  "is waited for until the leader's lease ends": [
    grant(7),
    grant(8),
    campaign("e", 7, "x"),
    runFor("c", "e", 8, "y"),
    revoke(7),
    leader("e"),
  ],
  "is observed": [
    grant(7),
    observe("o", "e"),
    campaign("e", 7, "x"),
    proclaim(leaderKey("e", 7, 2), "y"),
    resign(leaderKey("e", 7, 2)),
  ],
  "is observed from its leader on": [
    grant(7),
    campaign("e", 7, "x"),
    observe("o", "e"),
    proclaim(leaderKey("e", 7, 2), "y"),
  ],
  "is observed from one leader to the next": [
    grant(7),
    grant(8),
    observe("o", "e"),
    campaign("e", 7, "x"),
    runFor("c", "e", 8, "y"),
    resign(leaderKey("e", 7, 2)),
    proclaim(leaderKey("e", 8, 3), "z"),
  ],
  "is observed without a name": [stream("o", "/election/observe", {})],
  "ends with the lease": [grant(7), campaign("e", 7, "x"), revoke(7), leader("e"), range("e/7")],
  "malformed requests": [
    call("/election/campaign", "{bad"),
    call("/election/leader", { name: 1 }),
    call("/election/leader", {}),
    call("/election/proclaim", { leader: 1 }),
  ],
});
