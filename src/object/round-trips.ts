// Owns the development server's emulation of distance: how long a message between regions takes.

import type { Environment } from "./environment.ts";

/** One way's delay in milliseconds by pair of regions; 0 for pairs that the table does not name. */
export function oneWayDelays(environment: Environment): (from: string, to: string) => number {
  const text = environment.EDGEKEEPER_DEVELOPMENT === "1" ? (environment.EDGEKEEPER_RTT ?? "") : "";
  const roundTrips = new Map(
    text.split(",").map((item): [string, number] => {
      const [pair = "", milliseconds = "0"] = item.split("=");
      return [pair, Number(milliseconds)];
    }),
  );
  return (from, to) =>
    (roundTrips.get(`${from}-${to}`) ?? roundTrips.get(`${to}-${from}`) ?? 0) / 2;
}
