// Owns the words in which an operation of the HTTP API is described.

import type { z } from "zod";
import { IDEMPOTENCY_KEY_LENGTH_MAX } from "../base/limits.ts";
import type { JsonSchema } from "./json-schema.ts";

/** What a body is: etcd's JSON for a message, JSON of our own, raw bytes, or text. */
export type Body =
  | { readonly kind: "message"; readonly schema: z.ZodType }
  | { readonly kind: "json"; readonly schema: z.ZodType; readonly mediaType?: string }
  /** Lines, each a document of the schema. */
  | { readonly kind: "lines"; readonly schema: z.ZodType }
  | { readonly kind: "other"; readonly mediaType: string; readonly schema?: JsonSchema };

export interface Answer {
  readonly description: string;
  /** One of each media type; none for an answer without a body. */
  readonly bodies: readonly Body[];
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly description: string;
  readonly schema: JsonSchema;
}

/** Of writes that can be repeated without happening twice. */
export const IDEMPOTENCY_KEY: Parameter = {
  name: "Idempotency-Key",
  in: "header",
  description:
    "The client's own name for this write, remembered for ten minutes: who repeats it gets the first answer, and with another request 422",
  schema: { type: "string", pattern: `^[\\x21-\\x7e]{1,${IDEMPOTENCY_KEY_LENGTH_MAX}}$` },
};

/** One verb of one path. */
export interface Operation {
  readonly method: "get" | "post" | "put" | "delete";
  /** Parameters in braces: `/v1/kv/{key}`. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly request?: Body;
  /** By status; errors of all kinds need not be said. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Whether each cluster has it, below `/c/{cluster}`. */
  readonly isOfCluster: boolean;
}
