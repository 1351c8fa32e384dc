// Owns `npm run record:etcdctl`: writes down what etcdctl prints when it speaks to a real etcd. It needs
// both programs: in the path, or named by ETCD and ETCDCTL.

import { findEtcd, startEtcd } from "../etcd/etcd-server.ts";
import { findEtcdctl, Terminal } from "./etcdctl.ts";
import { writeExchanges, type Exchange } from "./etcdctl-recording.ts";
import { SCRIPT } from "./etcdctl-script.ts";

const etcd = findEtcd();
const etcdctl = findEtcdctl();
if (etcd === null || etcdctl === null) {
  throw new Error("Put etcd and etcdctl in the path, or name them by ETCD and ETCDCTL.");
}
const target = await startEtcd(etcd.program);
const terminal = new Terminal(etcdctl, new URL(target.url).host);
const exchanges: Exchange[] = [];
for (const invocation of SCRIPT) {
  exchanges.push({ args: invocation.args, printed: await terminal.type(invocation) });
}
writeExchanges(exchanges);
terminal.close();
await target.stop();
console.log(`${exchanges.length} invocations, etcd ${etcd.version}`);
