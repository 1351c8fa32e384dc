// Owns sequences of watches over WebSockets, where the client goes on speaking.

import { ALL, b, close, compact, del, put, say, socket, topic, type Step } from "../sequence.ts";

const A = { key: b("a") };
const open = socket("s", "/watch");
const create = (options: object): Step => say("s", { create_request: options });
const cancel = (id: number): Step => say("s", { cancel_request: { watch_id: id } });
const progress: Step = say("s", { progress_request: {} });

export const watchSocket = topic("watch-socket", {
  "from now on": [open, create(A), put("a", "1"), put("b", "1"), del("a")],
  "from the past": [put("a", "1"), put("a", "2"), open, create({ ...A, start_revision: 2 })],
  "canceled, and silent from then on": [open, create(A), put("a", "1"), cancel(0), put("a", "2")],
  "canceled twice": [open, create(A), cancel(0), cancel(0), put("a", "1")],
  "canceled although it never was": [open, cancel(3), create(A), cancel(7), put("a", "1")],
  "another after one was canceled": [open, create(A), cancel(0), create(A), put("a", "1")],
  "the id of a canceled one, chosen again": [
    open,
    create({ ...A, watch_id: 4 }),
    cancel(4),
    create({ ...A, watch_id: 4 }),
    put("a", "1"),
  ],
  "several, one canceled": [
    open,
    create(A),
    create(ALL),
    create({ key: b("b") }),
    cancel(1),
    put("a", "1"),
    put("b", "1"),
  ],
  "created one after another while keys change": [
    open,
    create(A),
    put("a", "1"),
    create({ ...A, start_revision: 1 }),
    put("a", "2"),
    create(A),
    put("a", "3"),
  ],
  "progress of none": [put("a", "1"), open, progress, create(A), put("a", "2")],
  "progress of one": [put("a", "1"), open, create(A), progress, put("b", "1"), progress],
  "progress of several": [
    put("a", "1"),
    open,
    create(A),
    create({ key: b("b") }),
    progress,
    put("b", "1"),
    progress,
  ],
  "progress after all were canceled": [open, create(A), cancel(0), progress],
  "progress asked twice": [open, create(A), progress, progress],
  "progress with one that waits for the future": [
    put("a", "1"),
    open,
    create({ ...A, start_revision: 9 }),
    progress,
  ],
  "progress after events": [open, create(A), put("a", "1"), put("a", "2"), progress],
  "several documents in one frame": [
    open,
    say(
      "s",
      `${JSON.stringify({ create_request: A })}${JSON.stringify({ create_request: { key: b("b") } })}`,
    ),
    put("b", "1"),
  ],
  "an empty document": [open, say("s", {}), create(A), put("a", "1")],
  "a document of another kind": [open, say("s", { what: 1 }), create(A), put("a", "1")],
  "null members": [
    open,
    say("s", { create_request: null, progress_request: null }),
    create(A),
    put("a", "1"),
  ],
  "two members of the oneof": [
    open,
    create(A),
    say("s", { create_request: A, cancel_request: { watch_id: 0 } }),
  ],
  "malformed from the start": [open, say("s", "{bad")],
  "malformed later on": [open, create(A), put("a", "1"), say("s", "{bad"), put("a", "2")],
  "closed by the client": [open, create(A), close("s"), put("a", "1")],
  "a start that was compacted": [
    put("a", "1"),
    put("a", "2"),
    compact(3),
    open,
    create({ ...A, start_revision: 2 }),
    create(A),
    put("a", "3"),
  ],
  "canceled after a compaction has ended it": [
    put("a", "1"),
    put("a", "2"),
    compact(3),
    open,
    create({ ...A, start_revision: 2 }),
    cancel(0),
  ],
  "an empty range": [open, create({ key: b("b"), range_end: b("a") }), create(A), put("a", "1")],
  "negative start": [put("a", "1"), open, create({ ...A, start_revision: -1 }), put("a", "2")],
});
