// Owns `npm run test:etcd`: the corpus and random sequences against a real etcd and ours, side by side;
// with `--record`, writing down what etcd answers.

import { parseArgs } from "node:util";
import { findEtcd } from "./etcd-server.ts";
import { recordCorpus, runCorpus } from "./live.ts";
import { searchRandom } from "./random/search.ts";

const USAGE = `npm run test:etcd -- [options]

  --record             write down what etcd answers, instead of comparing
  --topic <name>       this topic of the corpus only
  --only <text>        sequences whose name has this text only
  --seed <n>           random histories of this seed; any by default
  --operations <n>     how many random operations; 20,000 by default, 0 for none
  --history <n>        this one of the seed's histories only, and nothing of the corpus

The environment's ETCD names the program; without it, the path's etcd is taken.`;

const OPERATIONS = 20_000;

const { values } = parseArgs({
  options: {
    record: { type: "boolean", default: false },
    topic: { type: "string" },
    only: { type: "string" },
    seed: { type: "string" },
    operations: { type: "string" },
    history: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(USAGE);
    return true;
  }
  const etcd = findEtcd();
  if (etcd === null) {
    console.log(
      "No etcd is at hand, so nothing was compared. Set ETCD=/path/to/etcd, or put it on the path.",
    );
    return false;
  }
  console.log(`etcd ${etcd.version}: ${etcd.program}`);
  if (values.record) return recordCorpus(etcd, values);
  if (values.history === undefined && !(await runCorpus(etcd, values))) return false;
  if (values.topic !== undefined || values.only !== undefined) return true;
  return searchRandom({
    program: etcd.program,
    seed: Number(values.seed ?? Date.now() % 1_000_000),
    operations: Number(values.operations ?? OPERATIONS),
    history: values.history === undefined ? null : Number(values.history),
  });
}

process.exitCode = (await main()) ? 0 : 1;
