// Owns sequences of who may do what while authentication is on.

import {
  allow,
  api,
  by,
  each,
  giveRole,
  logIn,
  OFF,
  roleAdd,
  ROOT,
  userAdd,
} from "./auth-steps.ts";
import { b, bytes, call, compact, delOp, everything, grant, put, putOp } from "../sequence.ts";
import { range, rangeOp, send, stream, topic, txn, txnOp, watch, type Step } from "../sequence.ts";

/** `u` reads [a, c), writes `w` and does both with `x`. */
const WITH_USER: readonly Step[] = [
  put("a", "1"),
  put("w", "1"),
  put("x", "1"),
  roleAdd("r"),
  allow("r", "READ", "a", b("c")),
  allow("r", "WRITE", "w"),
  allow("r", "READWRITE", "x"),
  userAdd("u", "p"),
  giveRole("u", "r"),
  ...ROOT,
  logIn("u", "p", "u"),
];
const del = (options: object): Step => call("/kv/deleterange", options);
const rangeWith = (headers: Readonly<Record<string, string>>): Step =>
  send("POST", "/v3/kv/range", { key: b("a") }, headers);

export const permissions = topic("permissions", {
  "nobody comes in without a token": [
    ...WITH_USER,
    range("a"),
    put("w", "2"),
    del({ key: b("a") }),
    txn({}),
    api("user/list"),
    api("disable"),
    OFF,
  ],
  "nobody comes in with a wrong token": [
    ...WITH_USER,
    rangeWith({ Authorization: "abcdefghijklmnop.1" }),
    rangeWith({ Authorization: "nonsense" }),
    rangeWith({ "Grpc-Metadata-Token": "nonsense.9" }),
    OFF,
  ],
  "a token by another header": [
    ...ROOT,
    rangeWith({ "Grpc-Metadata-Token": "$root" }),
    rangeWith({ Token: "$root" }),
    rangeWith({ Authorization: "Bearer $root" }),
    OFF,
  ],
  "ranges within what may be read": [
    ...WITH_USER,
    ...each("u", range("a"), range("b"), range("a", { range_end: b("c") }), range("x")),
    OFF,
  ],
  "ranges beyond what may be read": [
    ...WITH_USER,
    ...each(
      "u",
      range("c"),
      range("w"),
      range("a", { range_end: b("d") }),
      everything(),
      range("a", { range_end: bytes(0) }),
      range("w", { serializable: true }),
    ),
    OFF,
  ],
  puts: [
    ...WITH_USER,
    ...each("u", put("w", "2"), put("x", "2"), put("a", "2"), put("zz", "2")),
    OFF,
  ],
  "puts that show what was there need to read": [
    ...WITH_USER,
    ...each("u", put("w", "2", { prev_kv: true }), put("x", "2", { prev_kv: true })),
    OFF,
  ],
  deletions: [
    ...WITH_USER,
    ...each(
      "u",
      del({ key: b("w"), prev_kv: true }),
      del({ key: b("w") }),
      del({ key: b("x"), prev_kv: true }),
      del({ key: b("a") }),
      del({ key: b("w"), range_end: b("y") }),
    ),
    OFF,
  ],
  "transactions need all of both branches": [
    ...WITH_USER,
    ...each(
      "u",
      txn({
        compare: [{ key: b("a"), version: 1 }],
        success: [putOp("w", "2")],
        failure: [rangeOp("x")],
      }),
      txn({ compare: [{ key: b("w"), version: 1 }], success: [putOp("w", "2")] }),
      txn({ success: [putOp("w", "2")], failure: [rangeOp("zz")] }),
      txn({ success: [rangeOp("a")], failure: [putOp("a", "2")] }),
      txn({ success: [delOp("w")] }),
      txn({ success: [delOp("x", { range_end: b("z") })] }),
      txn({}),
    ),
    OFF,
  ],
  "transactions within are looked into": [
    ...WITH_USER,
    ...each("u", txn({ success: [txnOp({ success: [putOp("w", "3")] })] })),
    OFF,
  ],
  watches: [
    ...WITH_USER,
    by("u", watch("in", { key: b("a"), range_end: b("c") })),
    by("u", watch("out", { key: b("a"), range_end: b("d") })),
    by("u", watch("one", { key: b("w") })),
    watch("nobody", { key: b("a") }),
    by("root", put("a", "2")),
    OFF,
  ],
  "a watch with a wrong token": [
    ...WITH_USER,
    stream("w", "/watch", { create_request: { key: b("a") } }, { Authorization: "nonsense.1" }),
    OFF,
  ],
  "administration needs root": [
    ...WITH_USER,
    ...each(
      "u",
      api("user/list"),
      api("role/list"),
      userAdd("v", "p"),
      api("user/get", { name: "root" }),
      api("role/get", { role: "root" }),
      api("user/changepw", { name: "u", password: "x" }),
      api("disable"),
      api("enable"),
    ),
    OFF,
  ],
  "a user sees himself and his roles": [
    ...WITH_USER,
    ...each("u", api("user/get", { name: "u" }), api("role/get", { role: "r" })),
    OFF,
  ],
  "a password that was changed ends its tokens": [
    ...WITH_USER,
    by("root", api("user/changepw", { name: "u", password: "q" })),
    by("u", range("a")),
    OFF,
  ],
  "a user that was deleted has no tokens": [
    ...WITH_USER,
    by("root", api("user/delete", { name: "u" })),
    by("u", range("a")),
    OFF,
  ],
  "a role that was taken counts no more": [
    ...WITH_USER,
    by("root", api("user/revoke", { name: "u", role: "r" })),
    by("u", range("a")),
    OFF,
  ],
  "tokens end when it is turned off": [
    ...WITH_USER,
    OFF,
    by("u", range("a")),
    api("enable"),
    by("u", range("a")),
    logIn("root", "r", "root"),
    OFF,
  ],
  "leased keys": [
    grant(7),
    put("x", "1", { lease: 7 }),
    put("secret", "1", { lease: 7 }),
    ...WITH_USER,
    by("u", put("w", "1", { lease: 7 })),
    by("u", call("/lease/timetolive", { ID: 7, keys: true })),
    by("root", everything()),
    OFF,
  ],
  "what is for root alone": [
    ...WITH_USER,
    by("root", compact(2)),
    by("u", call("/maintenance/hashkv")),
    by("u", call("/maintenance/defragment")),
    OFF,
  ],
});
