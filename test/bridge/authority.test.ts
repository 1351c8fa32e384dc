// Where clients say that they have reached the bridge.

import { test } from "vitest";
import { dialledUrl } from "../../src/bridge/authority.ts";

test.for([
  ["127.0.0.1:2379", "http://127.0.0.1:2379"],
  ["etcd.internal", "http://etcd.internal"],
  ["[::1]:2379", "http://[::1]:2379"],
  ["#initially=[127.0.0.1:2379]", "http://127.0.0.1:2379"],
  ["#initially=[http://a:1;http://b:2]", "http://a:1"],
  ["#initially=[https://a:1/path]", "http://a:1"],
  ["#initially=[unix:///run/etcd.sock]", null],
  ["a b", null],
  ["", null],
] as const)("%s is %s", ([authority, url], { expect }) => {
  expect(dialledUrl(authority, "http")).toBe(url);
});
