// Owns the OpenAPI document of the whole HTTP API, made of the descriptions of its operations.

import { z } from "zod";
import { assert } from "../base/assert.ts";
import { errorAnswer, streamError } from "./answer-schemas.ts";
import { GATEWAY_OPERATIONS } from "./gateway-operations.ts";
import { inputSchema, referenceTo, type JsonSchema } from "./json-schema.ts";
import type { Answer, Body, Operation, Parameter } from "./operation.ts";
import { PLAIN_OPERATIONS } from "./plain-operations.ts";

/** Every operation that a client can ask for. */
export const OPERATIONS: readonly Operation[] = [...GATEWAY_OPERATIONS, ...PLAIN_OPERATIONS];

type Components = Record<string, JsonSchema>;

const CLUSTER_SERVERS = [
  { url: "/", description: "The cluster `default`" },
  {
    url: "/c/{cluster}",
    description: "Any other",
    variables: { cluster: { default: "default" } },
  },
];
const ROOT_SERVERS = [{ url: "/" }];

const SECURITY_SCHEMES = {
  token: { type: "http", scheme: "bearer", description: "The deployment's token" },
  deployment: {
    type: "apiKey",
    in: "header",
    name: "Edgekeeper-Token",
    description: "The deployment's token, where `Authorization` is a user's",
  },
  user: {
    type: "apiKey",
    in: "header",
    name: "Authorization",
    description:
      "A token of `/v3/auth/authenticate`, once auth is on; `Bearer` before it is allowed",
  },
};
/** A user's token alone is for development, where nobody asks for the deployment's. */
const SECURITY = [
  { token: [] },
  { deployment: [] },
  { deployment: [], user: [] },
  { user: [] },
  {},
];

const ABOUT = `etcd's v3 API as its JSON gateway has it, and a plain one for people and Workers.

In requests of \`/v3\` names may be camelCase too, \`null\` is the default, unknown fields are passed over,
and bytes are base64 of either alphabet. Answers leave out what is zero, false or empty, and 64-bit
integers are strings. \`/v3beta\` is the same as \`/v3\`, and every path below them upgrades to a WebSocket:
its first frame is the request, each frame of the answer a line.`;

/** The document. Its parts are shared: nobody may change them. */
export function openApiDocument(version: string): JsonSchema {
  const components: Components = {};
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    const { path, method } = operation;
    paths[path] ??= operation.isOfCluster ? {} : { servers: ROOT_SERVERS };
    assert(paths[path][method] === undefined, "an operation is described once");
    paths[path][method] = printOperation(operation, components);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Edgekeeper", version, description: ABOUT },
    servers: CLUSTER_SERVERS,
    security: SECURITY,
    paths,
    components: {
      schemas: { ...components, ...answerComponents() },
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

function printOperation(operation: Operation, components: Components): JsonSchema {
  const { method, path, summary, description, request, parameters, answers } = operation;
  const isStream = Object.values(answers).some(({ bodies: [body] }) => body?.kind === "lines");
  return {
    operationId: operationId(method, path),
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters: parameters.map(printParameter) }),
    ...(request === undefined ? {} : { requestBody: contentOf([request], components) }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [
          status,
          printAnswer(answer, components),
        ]),
      ),
      default: {
        description: "Refused, or failed",
        ...contentOf([{ kind: "json", schema: isStream ? streamError : errorAnswer }], components),
      },
    },
  };
}

/** `post /v3/kv/range` is `postV3KvRange`. */
const operationId = (method: string, path: string): string =>
  method +
  (path.match(/[a-zA-Z0-9]+/g) ?? [])
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join("");

const printParameter = (parameter: Parameter): JsonSchema => ({
  ...parameter,
  required: parameter.in === "path",
});

function printAnswer({ description, bodies, headers }: Answer, components: Components): JsonSchema {
  const told = Object.entries(headers ?? {}).map(([name, text]) => [
    name,
    { description: text, schema: { type: "string" } },
  ]);
  return {
    description,
    ...(told.length === 0 ? {} : { headers: Object.fromEntries(told) as JsonSchema }),
    ...contentOf(bodies, components),
  };
}

function contentOf(bodies: readonly Body[], components: Components): JsonSchema {
  if (bodies.length === 0) return {};
  return { content: Object.fromEntries(bodies.map((body) => printBody(body, components))) };
}

function printBody(body: Body, components: Components): readonly [string, JsonSchema] {
  switch (body.kind) {
    case "message":
      return ["application/json", { schema: inputSchema(body.schema, components) }];
    case "json":
      return [body.mediaType ?? "application/json", { schema: answerSchema(body.schema) }];
    case "lines":
      return ["application/json", { schema: answerSchema(body.schema) }];
    case "other":
      return [body.mediaType, body.schema === undefined ? {} : { schema: body.schema }];
    default:
      return body satisfies never;
  }
}

/** A reference where the schema has a name, else the schema. */
function answerSchema(schema: z.ZodType): JsonSchema {
  const id = z.globalRegistry.get(schema)?.id;
  return id === undefined ? withoutDialect(z.toJSONSchema(schema, ZOD)) : referenceTo(id);
}

const ZOD = { io: "input", unrepresentable: "any" } as const;

function answerComponents(): Components {
  const { schemas } = z.toJSONSchema(z.globalRegistry, {
    ...ZOD,
    uri: (id) => `#/components/schemas/${id}`,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, schema]) => [id, withoutDialect(schema)]),
  );
}

/** The document says which JSON Schema it speaks, and names its parts by where they stand. */
function withoutDialect({ $schema: _dialect, $id: _id, ...rest }: JsonSchema): JsonSchema {
  return rest;
}
