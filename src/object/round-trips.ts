// Owns the development server's emulation of distance: how long a message between regions takes.

import type { Environment } from "./environment.ts";

/**
 * How late the runtime's timers are at least, in milliseconds: whoever asks for 30 waits for 31.1 to 31.5
 * when nothing else happens. So much less is asked for.
 */
const TIMER_LATE_MS = 1;

/** How long to wait for one way, in ms by pair of regions; 0 for pairs that the table does not name. */
export function oneWayDelays(environment: Environment): (from: string, to: string) => number {
  const text = environment.EDGEKEEPER_DEVELOPMENT === "1" ? (environment.EDGEKEEPER_RTT ?? "") : "";
  const roundTrips = new Map(
    text.split(",").map((item): [string, number] => {
      const [pair = "", milliseconds = "0"] = item.split("=");
      return [pair, Number(milliseconds)];
    }),
  );
  return (from, to) => {
    const roundTrip = roundTrips.get(`${from}-${to}`) ?? roundTrips.get(`${to}-${from}`) ?? 0;
    return Math.max(0, roundTrip / 2 - TIMER_LATE_MS);
  };
}
