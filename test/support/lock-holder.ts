// Owns a process that holds a lock until it is killed. It says on its output what the test must know: `held`,
// and for every keepalive that was confirmed when it was sent, in milliseconds of the machine's clock.

import { setTimeout as sleep } from "node:timers/promises";
import { Etcd3 } from "etcd3";

const [kind, address, name, ttl] = process.argv.slice(2) as [string, string, string, string];

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** npm's etcd3 makes a lock of a key and a lease that it keeps alive. */
async function holdByEtcd3(): Promise<void> {
  const client = new Etcd3({ hosts: address });
  const lease = client.lease(Number(ttl));
  let sent = Date.now();
  lease.on("keepaliveFired", () => void (sent = Date.now()));
  lease.on("keepaliveSucceeded", () => say(`kept ${sent}`));
  const { succeeded } = await client
    .if(name, "Create", "==", 0)
    .then(client.put(name).value("").lease(lease.grant()))
    .commit();
  if (!succeeded) throw new Error("another holds the lock");
  say("held");
}

/** The lock service, and a lease that is kept alive by hand. */
async function holdByGateway(): Promise<never> {
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const response = await fetch(address + path, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  const { ID } = await post("/v3/lease/grant", { TTL: ttl });
  await post("/v3/lock/lock", { name: Buffer.from(name).toString("base64"), lease: ID });
  say("held");
  for (;;) {
    const sent = Date.now();
    await post("/v3/lease/keepalive", { ID });
    say(`kept ${sent}`);
    await sleep((Number(ttl) * 1_000) / 4);
  }
}

await (kind === "etcd3" ? holdByEtcd3() : holdByGateway());
