// Owns sequences about members: what reads them, and changes that change nothing.

import { call, put, topic, type Step } from "../sequence.ts";

const members = call("/cluster/member/list", {}, { keep: { self: "members.0.ID" } });
const change = (kind: string, body: object): Step => call(`/cluster/member/${kind}`, body);

export const membership = topic("members", {
  "one is listed": [members],
  "a list is as linearizable as asked": [
    members,
    change("list", { linearizable: true }),
    change("list", { linearizable: false }),
  ],
  "a list has no revision": [put("a", "1"), members],
  "one is updated to what it is": [members],
  "an unknown one is not removed": [
    change("remove", { ID: 99 }),
    change("remove", { ID: "18446744073709551615" }),
  ],
  "none is not removed": [change("remove", {})],
  "the only one is not removed": [members, change("remove", { ID: "$self" }), members],
  "an unknown one is not promoted": [change("promote", { ID: 99 }), change("promote", {})],
  "a voter is not promoted": [members, change("promote", { ID: "$self" })],
  "an unknown one is not updated": [change("update", { ID: 99, peerURLs: ["http://127.0.0.1:1"] })],
  "none is not added": [change("add", {}), change("add", { peerURLs: [] })],
  "one of no URL is not added": [
    change("add", { peerURLs: ["nowhere at all"] }),
    change("add", { peerURLs: [""] }),
  ],
  "one is not updated to no URL": [
    members,
    change("update", { ID: "$self" }),
    change("update", { ID: "$self", peerURLs: ["nowhere at all"] }),
  ],
  "ids of members have 64 bits": [
    change("remove", { ID: "18446744073709551616" }),
    change("remove", { ID: -1 }),
    change("remove", { ID: 1.5 }),
  ],
  "peer URLs are a list": [change("add", { peerURLs: "weur" }), change("add", { peerURLs: [1] })],
  "leadership is not moved to nobody": [
    call("/maintenance/transfer-leadership", {}),
    call("/maintenance/transfer-leadership", { targetID: 99 }),
  ],
  "leadership is moved to who leads": [
    members,
    call("/maintenance/transfer-leadership", { targetID: "$self" }),
    put("a", "1"),
  ],
});
