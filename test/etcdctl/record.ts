// Owns `npm run record:etcdctl`: writes down what etcdctl prints when it speaks to a real etcd. It needs
// both programs, of one version: in the path, or named by ETCD and ETCDCTL.

import { findEtcd, startEtcd } from "../etcd/etcd-server.ts";
import { writeExchanges, type Exchange } from "./recording.ts";
import { SCRIPT } from "./script.ts";
import { findEtcdctl, Terminal } from "./terminal.ts";

const etcd = findEtcd();
const etcdctl = findEtcdctl();
if (etcd === null || etcdctl === null) {
  throw new Error("Put etcd and etcdctl in the path, or name them by ETCD and ETCDCTL.");
}
if (etcd.version !== etcdctl.version) {
  throw new Error(
    `etcd is ${etcd.version}, and etcdctl ${etcdctl.version}: they must be the same.`,
  );
}
const target = await startEtcd(etcd.program);
const terminal = new Terminal(etcdctl.program, new URL(target.url).host);
const exchanges: Exchange[] = [];
for (const invocation of SCRIPT) {
  exchanges.push({ args: invocation.args, printed: await terminal.type(invocation) });
}
writeExchanges(etcd.version, exchanges);
terminal.close();
await target.stop();
console.log(`${exchanges.length} invocations, etcd ${etcd.version}`);
