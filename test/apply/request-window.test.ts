// The memory of applied requests when it is full. A cluster that refuses writes because of it must
// take them again by itself, for nothing but writes moves the time of entries.

import { describe, test } from "vitest";
import { RequestWindow } from "../../src/apply/request-window.ts";
import { REQUEST_WINDOW_MAX } from "../../src/base/limits.ts";
import { asClusterTime, asRevision } from "../../src/base/types.ts";

const place = { segment: 1, revision: 1, applied: 1, part: 0 };

function fullWindow(): RequestWindow {
  const window = new RequestWindow();
  for (let n = 0; n < REQUEST_WINDOW_MAX; n++) {
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(0, n);
    window.remember(id, { revision: asRevision(1), time: asClusterTime(1_000), place });
  }
  return window;
}

describe("a full window", () => {
  const window = fullWindow();

  test("takes no more while its oldest id may still come again", ({ expect }) => {
    expect(window.isFull(asClusterTime(61_000 - 1))).toBe(true);
  });

  test("takes more once the leader's time has passed its oldest id, before any entry says so", ({
    expect,
  }) => {
    expect(window.isFull(asClusterTime(61_000))).toBe(false);
  });

  test("forgets by the time of entries only", ({ expect }) => {
    const id = new Uint8Array(16);
    window.isFull(asClusterTime(1_000_000));
    expect(window.find(id)).not.toBeNull();
    window.forget(asClusterTime(61_000));
    expect(window.find(id)).toBeNull();
  });
});
