// Owns how the gateway's errors are understood: the body of a refused call, the last line of a stream, and
// answers that are none of the gateway's.

import type { IncomingMessage } from "node:http";
import { GRPC } from "../api/grpc-code.ts";
import { UpstreamError } from "./upstream.ts";

/** From the body of an answer that is not 200. */
export function errorOfBody(status: number, body: string): UpstreamError {
  const document = parse(body);
  // A stream that fails before its first line answers with its last.
  const fields = isObject(document["error"]) ? document["error"] : document;
  return errorOfFields(fields) ?? strange(status);
}

/** Why the router did not upgrade. */
export async function refusalOf(response: IncomingMessage): Promise<UpstreamError> {
  let body = "";
  try {
    for await (const chunk of response) body += String(chunk);
  } catch {
    // What has come is all that is known.
  }
  return errorOfBody(response.statusCode ?? 0, body);
}

/** From the member `error` of a line. */
export const errorOfLine = (fields: unknown): UpstreamError =>
  errorOfFields(isObject(fields) ? fields : {}) ??
  new UpstreamError(
    GRPC.unknown,
    "edgekeeper: the endpoint ended the stream with an error of its own",
  );

export const unreachableEndpoint = (cause: unknown): UpstreamError => {
  const why = cause instanceof Error ? cause.message || codeOf(cause) : String(cause);
  return new UpstreamError(GRPC.unavailable, `edgekeeper: no answer from the endpoint: ${why}`, {
    cause,
  });
};

export const brokenStream = (): UpstreamError =>
  new UpstreamError(GRPC.unavailable, "edgekeeper: the connection to the endpoint was lost");

function errorOfFields(fields: Record<string, unknown>): UpstreamError | null {
  const { code, message } = fields;
  if (typeof code !== "number" || typeof message !== "string") return null;
  return new UpstreamError(code, message);
}

/** Something between us and the gateway has answered. */
const strange = (status: number): UpstreamError =>
  new UpstreamError(
    status === 401 || status === 403 ? GRPC.unauthenticated : GRPC.unavailable,
    `edgekeeper: the endpoint answered with HTTP status ${status}`,
  );

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

/** Several failures in one have no message of their own. */
const codeOf = (error: Error): string => ("code" in error ? String(error.code) : error.name);

function parse(body: string): Record<string, unknown> {
  try {
    const document: unknown = JSON.parse(body);
    return isObject(document) ? document : {};
  } catch {
    return {};
  }
}
