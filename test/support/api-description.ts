// Owns holding answers against the description of the API. What the description does not name is an
// offence here: it would be missing there.

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { openApiDocument } from "../../src/api/openapi.ts";

export const DOCUMENT = openApiDocument("0.0.0");

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(closed(DOCUMENT) as object, "api");

/** The same schemas, but that objects have no members besides those that are named. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map((item) => closed(item));
  if (typeof node !== "object" || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([name, part]) => [name, closed(part)]));
  const isOpen = copy["type"] === "object" && copy["additionalProperties"] === undefined;
  return isOpen && copy["properties"] !== undefined
    ? { ...copy, additionalProperties: false }
    : copy;
}

const pointer = (...steps: string[]): string =>
  steps
    .map((step) => `/${encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"))}`)
    .join("");

const validators = new Map<string, ValidateFunction>();

function faults(place: string, value: unknown): readonly string[] {
  let validate = validators.get(place);
  if (validate === undefined) {
    validate = ajv.compile({ $ref: `api#${place}` });
    validators.set(place, validate);
  }
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

interface Place {
  readonly method: string;
  /** As in the description, parameters in braces. */
  readonly path: string;
}

interface Described {
  readonly responses: Readonly<Record<string, unknown>>;
}

/** How the answer differs from its description; empty when it does not. */
export const answerFaults = (
  { method, path }: Place,
  answer: { readonly status: number; readonly mediaType?: string; readonly body: unknown },
): readonly string[] => {
  const { status, mediaType = "application/json", body } = answer;
  const { [path]: described } = DOCUMENT["paths"] as Record<string, Record<string, Described>>;
  const isNamed = described?.[method]?.responses[status] !== undefined;
  const key = isNamed ? String(status) : "default";
  const place = ["paths", path, method, "responses", key, "content", mediaType, "schema"];
  return faults(pointer(...place), body);
};

/** How a request's body differs from its description. */
export const requestFaults = ({ method, path }: Place, body: unknown): readonly string[] => {
  const place = ["paths", path, method, "requestBody", "content", "application/json", "schema"];
  return faults(pointer(...place), body);
};
