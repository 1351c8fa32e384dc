// Owns the price list: what the platform bills, as published for its paid plan. Included amounts are of the
// account, once a month. Prices change: the date says when this was copied.

/** When the list was read. */
export const PRICES_OF = "2026-11";

export interface Price {
  readonly what: string;
  readonly unit: string;
  readonly included: number;
  readonly dollarsPerMillion: number;
}

export const PRICES = {
  workerRequests: {
    what: "requests of the Worker",
    unit: "requests",
    included: 10e6,
    dollarsPerMillion: 0.3,
  },
  objectRequests: {
    what: "requests of Durable Objects: calls, alarms, a twentieth of the WebSocket messages received",
    unit: "requests",
    included: 1e6,
    dollarsPerMillion: 0.15,
  },
  gigabyteSeconds: {
    what: "duration at 128 MB while an object is awake",
    unit: "GB-s",
    included: 400e3,
    dollarsPerMillion: 12.5,
  },
  rowsWritten: {
    what: "rows written, deletions and alarms among them",
    unit: "rows",
    included: 50e6,
    dollarsPerMillion: 1,
  },
  gigabytesStored: {
    what: "storage",
    unit: "GB-months",
    included: 5,
    dollarsPerMillion: 0.2e6,
  },
} as const satisfies Record<string, Price>;

export type Billed = keyof typeof PRICES;

/** Of the plan itself, whatever is used. */
export const PLAN_DOLLARS = 5;

/** WebSocket messages that an object receives for the price of one request. */
export const MESSAGES_PER_REQUEST = 20;

/** What an object is billed for while it is awake, whatever it uses. */
export const GIGABYTES_BILLED = 0.128;
