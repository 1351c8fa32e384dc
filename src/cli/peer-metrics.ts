// Owns what a cluster's metrics tell of the calls between its replicas, as sums that grow.

/** Of the calls from one region to another. */
export interface PeerCalls {
  readonly from: string;
  readonly to: string;
  readonly answered: number;
  readonly failed: number;
  /** Of those that were answered, together. */
  readonly seconds: number;
}

const LINE = /^etcd_network_peer_(\w+)\{([^}]*)\} (\S+)$/gm;
const FIELDS: Readonly<Record<string, "answered" | "failed" | "seconds">> = {
  round_trip_time_seconds_count: "answered",
  round_trip_time_seconds_sum: "seconds",
  sent_failures_total: "failed",
};

/** Reads Prometheus' text format. */
export function peerCallsIn(text: string): PeerCalls[] {
  const pairs = new Map<string, PeerCalls>();
  for (const [, name = "", labels = "", value = "0"] of text.matchAll(LINE)) {
    const field = FIELDS[name];
    const from = /region="([^"]*)"/.exec(labels)?.[1];
    const to = /To="([^"]*)"/.exec(labels)?.[1];
    if (field === undefined || from === undefined || to === undefined) continue;
    const pair = `${from} ${to}`;
    const known = pairs.get(pair) ?? { from, to, answered: 0, failed: 0, seconds: 0 };
    pairs.set(pair, { ...known, [field]: known[field] + Number(value) });
  }
  return [...pairs.values()];
}

/** What has happened since `before`; a replica that restarted meanwhile counts from nothing. */
export function callsSince(before: readonly PeerCalls[], now: readonly PeerCalls[]): PeerCalls[] {
  return now.map((calls) => {
    const old = before.find(({ from, to }) => from === calls.from && to === calls.to);
    if (old === undefined || old.answered > calls.answered || old.failed > calls.failed)
      return calls;
    return {
      ...calls,
      answered: calls.answered - old.answered,
      failed: calls.failed - old.failed,
      seconds: calls.seconds - old.seconds,
    };
  });
}
