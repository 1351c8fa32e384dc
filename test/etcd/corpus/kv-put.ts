// Owns sequences of puts: what a put changes, what it answers, what it refuses.

import { ALL, b, bytes, call, compact, del, everything, grant } from "../sequence.ts";
import { put, range, topic } from "../sequence.ts";

const raw = (body: object) => call("/kv/put", body);
const timeToLive = (id: number) => call("/lease/timetolive", { ID: id, keys: true });

export const kvPut = topic("kv-put", {
  "a new key has version 1 and the revision of its birth": [put("a", "1"), range("a")],
  "an overwrite raises the version and keeps the birth": [
    put("a", "1"),
    put("a", "2"),
    put("a", "2"),
    range("a"),
  ],
  "a key that comes back begins anew": [
    put("a", "1"),
    put("a", "2"),
    del("a"),
    put("a", "3"),
    range("a"),
  ],
  "an empty value is a value": [put("a", ""), range("a"), put("a", "", { prev_kv: true })],
  "no value at all is the empty value": [raw({ key: b("a") }), range("a")],
  "a key may be any bytes": [
    raw({ key: bytes(0), value: b("zero") }),
    raw({ key: bytes(255), value: b("high") }),
    raw({ key: bytes(0, 0), value: b("two zeros") }),
    raw({ key: bytes(255, 254, 253), value: b("no text") }),
    raw({ key: bytes(195, 40), value: b("no UTF-8") }),
    everything(),
  ],
  "a value may be any bytes": [raw({ key: b("a"), value: bytes(0, 255, 195, 40) }), range("a")],
  "an empty key is refused": [
    raw({ value: b("v") }),
    raw({ key: "", value: b("v") }),
    everything(),
  ],
  "the previous version is shown when asked for": [
    put("a", "1", { prev_kv: true }),
    put("a", "2", { prev_kv: true }),
    put("a", "3", { prev_kv: true }),
    put("a", "4"),
  ],
  "the previous version of a deleted key is none": [
    put("a", "1"),
    del("a"),
    put("a", "2", { prev_kv: true }),
  ],
  "the previous version is shown with its lease": [
    grant(7),
    put("a", "1", { lease: 7 }),
    put("a", "2", { prev_kv: true }),
    put("a", "3", { prev_kv: true, lease: 7 }),
    put("a", "4", { prev_kv: true, lease: 7 }),
  ],
  "the previous version is shown although its revision was compacted": [
    put("a", "1"),
    put("b", "1"),
    compact(3),
    put("a", "2", { prev_kv: true }),
  ],
  "ignore_value keeps the value and makes a version": [
    put("a", "1"),
    raw({ key: b("a"), ignore_value: true }),
    range("a"),
  ],
  "ignore_value of a missing key is refused": [
    raw({ key: b("a"), ignore_value: true }),
    range("a"),
  ],
  "ignore_value of a deleted key is refused": [
    put("a", "1"),
    del("a"),
    raw({ key: b("a"), ignore_value: true }),
  ],
  "ignore_value together with a value is refused": [
    put("a", "1"),
    raw({ key: b("a"), value: b("2"), ignore_value: true }),
    range("a"),
  ],
  "ignore_value with an empty value is accepted": [
    put("a", "1"),
    raw({ key: b("a"), value: "", ignore_value: true }),
  ],
  "ignore_value changes the lease": [
    grant(7),
    put("a", "1"),
    raw({ key: b("a"), ignore_value: true, lease: 7 }),
    range("a"),
    raw({ key: b("a"), ignore_value: true }),
    range("a"),
  ],
  "ignore_lease keeps the lease": [
    grant(7),
    put("a", "1", { lease: 7 }),
    put("a", "2", { ignore_lease: true }),
    range("a"),
    timeToLive(7),
  ],
  "ignore_lease of a missing key is refused": [put("a", "1", { ignore_lease: true }), range("a")],
  "ignore_lease together with a lease is refused": [
    grant(7),
    put("a", "1"),
    put("a", "2", { ignore_lease: true, lease: 7 }),
  ],
  "ignore_lease of a key without lease changes nothing of it": [
    put("a", "1"),
    put("a", "2", { ignore_lease: true }),
    range("a"),
  ],
  "both ignored: only the version grows": [
    grant(7),
    put("a", "1", { lease: 7 }),
    raw({ key: b("a"), ignore_value: true, ignore_lease: true }),
    range("a"),
  ],
  "both ignored and the previous version asked for": [
    put("a", "1"),
    raw({ key: b("a"), ignore_value: true, ignore_lease: true, prev_kv: true }),
  ],
  "faults are told in etcd's order: key, value, lease, existence": [
    raw({ ignore_value: true, value: b("x"), ignore_lease: true, lease: 1 }),
    raw({ key: b("a"), ignore_value: true, value: b("x"), ignore_lease: true, lease: 1 }),
    raw({ key: b("a"), ignore_lease: true, lease: 1 }),
    raw({ key: b("a"), ignore_value: true, lease: 99 }),
  ],
  "an unknown lease is refused and nothing is written": [put("a", "1", { lease: 99 }), range("a")],
  "an unknown lease is refused before a missing key is": [
    raw({ key: b("a"), ignore_value: true, lease: 99 }),
    put("a", "1"),
    raw({ key: b("a"), ignore_value: true, lease: 99 }),
  ],
  "a put without lease detaches the key": [
    grant(7),
    put("a", "1", { lease: 7 }),
    put("a", "2"),
    range("a"),
    timeToLive(7),
  ],
  "a put with another lease moves the key": [
    grant(7),
    grant(8),
    put("a", "1", { lease: 7 }),
    put("a", "2", { lease: 8 }),
    timeToLive(7),
    timeToLive(8),
  ],
  "a negative lease id is a lease": [grant(-5), put("a", "1", { lease: -5 }), range("a")],
  "a lease id beyond 2^53 keeps all its digits": [
    grant("9007199254740993"),
    put("a", "1", { lease: "9007199254740993" }),
    range("a"),
    put("a", "2", { lease: "9007199254740992" }),
  ],
  "fields in camelCase mean the same": [
    put("a", "1"),
    call("/kv/put", { key: b("a"), value: b("2"), prevKv: true }),
    call("/kv/put", { key: b("a"), ignoreValue: true, prevKv: true }),
    call("/kv/put", { key: b("a"), value: b("3"), ignoreLease: true }),
  ],
  "revisions count writes only": [
    put("a", "1"),
    range("a"),
    del("none"),
    put("", "x"),
    put("b", "1"),
    call("/kv/range", ALL),
  ],
  "a long key and a long value": [put("k".repeat(1_000), "v".repeat(1_000)), everything()],
  "a request of more than 1.5 MiB is refused": [
    put("a", "v".repeat(1_500_000)),
    put("b", "v".repeat(1_572_800)),
    put("c", "v".repeat(1_573_000)),
    everything({ keys_only: true }),
  ],
  "a request of more than 2 MiB is refused by the transport": [put("a", "v".repeat(2_200_000))],
});
