// Owns where the counters of the reference workloads are kept between the benchmark and what reads them.

import { fileURLToPath } from "node:url";

export const COUNTERS = fileURLToPath(
  new URL("../../../docs/benchmarks/counters.json", import.meta.url),
);
