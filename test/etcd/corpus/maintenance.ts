// Owns sequences of maintenance: alarms, status, hashes, defragmentation, downgrade.

import {
  call,
  compact,
  del,
  everything,
  grant,
  put,
  putOp,
  range,
  topic,
  txn,
} from "../sequence.ts";
import { send, stream, type Step } from "../sequence.ts";

const members = call("/cluster/member/list", {}, { keep: { self: "members.0.ID" } });
const alarm = (action: string | number, options: object = {}): Step =>
  call("/maintenance/alarm", { action, ...options });
const hashKv = (revision?: number): Step =>
  call("/maintenance/hashkv", revision === undefined ? {} : { revision });
const downgrade = (action: string | number, version = ""): Step =>
  call("/maintenance/downgrade", { action, version });
const SELF = { memberID: "$self" };
const NOSPACE = { ...SELF, alarm: "NOSPACE" };
const CORRUPT = { ...SELF, alarm: "CORRUPT" };
const SOME = [put("a", "1"), put("b", "1"), put("a", "2"), del("b")];

export const maintenance = topic("maintenance", {
  status: [members, call("/maintenance/status")],
  "status after writes": [members, ...SOME, call("/maintenance/status")],
  "status with an alarm": [members, alarm("ACTIVATE", NOSPACE), call("/maintenance/status")],
  defragment: [...SOME, call("/maintenance/defragment"), everything()],
  "no alarms": [alarm("GET"), call("/maintenance/alarm"), alarm(0)],
  "an alarm is raised and listed": [
    members,
    alarm("ACTIVATE", NOSPACE),
    alarm("GET"),
    alarm("GET", { alarm: "NOSPACE" }),
    alarm("GET", { alarm: "CORRUPT" }),
  ],
  "an alarm is raised twice": [
    members,
    alarm("ACTIVATE", NOSPACE),
    alarm("ACTIVATE", NOSPACE),
    alarm("GET"),
  ],
  "two alarms": [
    members,
    alarm("ACTIVATE", NOSPACE),
    alarm("ACTIVATE", CORRUPT),
    alarm("GET"),
    alarm("DEACTIVATE", CORRUPT),
    alarm("GET"),
  ],
  "an alarm is cleared": [
    members,
    alarm("ACTIVATE", NOSPACE),
    alarm("DEACTIVATE", NOSPACE),
    alarm("GET"),
    put("a", "1"),
  ],
  "an alarm that is not there is cleared": [members, alarm("DEACTIVATE", NOSPACE), alarm("GET")],
  "an alarm of member 0 is not cleared": [
    members,
    alarm("ACTIVATE", NOSPACE),
    alarm("DEACTIVATE", { alarm: "NOSPACE" }),
    alarm("GET"),
  ],
  "an alarm of no kind": [
    members,
    alarm("ACTIVATE", SELF),
    alarm("GET"),
    alarm("DEACTIVATE", SELF),
  ],
  "an alarm of an unknown member": [
    alarm("ACTIVATE", { memberID: 99, alarm: "NOSPACE" }),
    alarm("GET"),
    put("a", "1"),
    alarm("DEACTIVATE", { memberID: 99, alarm: "NOSPACE" }),
    put("a", "1"),
  ],
  "an unknown action": [alarm("SOUND")],
  "without space puts and grants are refused": [
    members,
    put("a", "1"),
    grant(7),
    alarm("ACTIVATE", NOSPACE),
    put("a", "2"),
    grant(8),
    txn({ success: [putOp("a", "2")] }),
    txn({ success: [putOp("a", "2")], failure: [] }),
    range("a"),
    alarm("DEACTIVATE", NOSPACE),
    put("a", "3"),
  ],
  "without space deletions, compactions and revocations go on": [
    members,
    grant(7),
    put("a", "1"),
    put("b", "1", { lease: 7 }),
    alarm("ACTIVATE", NOSPACE),
    del("a"),
    call("/lease/revoke", { ID: 7 }),
    compact(4),
    txn({ success: [{ request_delete_range: { key: "YQ==" } }] }),
    txn({ success: [{ request_range: { key: "YQ==" } }] }),
    txn({}),
    alarm("DEACTIVATE", NOSPACE),
  ],
  "corrupt: nothing is written": [
    members,
    put("a", "1"),
    alarm("ACTIVATE", CORRUPT),
    put("a", "2"),
    del("a"),
    grant(7),
    compact(1),
    txn({ success: [putOp("a", "2")] }),
    range("a"),
    send("GET", "/health"),
    alarm("DEACTIVATE", CORRUPT),
    put("a", "3"),
  ],
  "health with an alarm": [
    members,
    alarm("ACTIVATE", NOSPACE),
    send("GET", "/health"),
    send("GET", "/health?exclude=NOSPACE"),
    send("GET", "/health?exclude=CORRUPT"),
  ],
  "the hash of a history": [hashKv(), ...SOME, hashKv(), hashKv(2), hashKv(3), hashKv(5)],
  "the hash of a future revision": [...SOME, hashKv(7), hashKv(99)],
  "the hash of a compacted revision": [
    ...SOME,
    compact(4),
    put("c", "1"),
    hashKv(3),
    hashKv(5),
    hashKv(),
  ],
  "the hash of a negative revision": [...SOME, hashKv(-1)],
  "the hash of the whole": [...SOME, call("/maintenance/hash")],
  "downgrade to one minor less is possible": [downgrade("VALIDATE", "3.4.0")],
  "downgrade to the same is not": [
    downgrade("VALIDATE", "3.5.0"),
    downgrade("VALIDATE", "3.3.0"),
    downgrade("VALIDATE", "4.0.0"),
  ],
  "downgrade to no version": [
    downgrade("VALIDATE"),
    downgrade("VALIDATE", "abc"),
    downgrade("VALIDATE", "3.4"),
  ],
  "downgrade that is not under way is canceled": [
    downgrade("CANCEL"),
    downgrade("CANCEL", "3.4.0"),
  ],
  "downgrade under way": [
    downgrade("ENABLE", "3.4.0"),
    downgrade("ENABLE", "3.4.0"),
    downgrade("CANCEL"),
    downgrade("CANCEL"),
  ],
  "downgrade of an unknown action": [downgrade(9, "3.4.0")],
});

export const snapshot = topic("snapshot", {
  "a snapshot is a stream of blobs": [put("a", "1"), stream("s", "/maintenance/snapshot", "{}")],
});
