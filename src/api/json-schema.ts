// Owns deriving JSON Schemas from the zod schemas that parse requests. What those make of JSON is
// told here by whoever builds them (`proto-json.ts`), since a transform cannot be looked into; the
// wrappers around it (defaults, further transforms) are looked through.

import type { z } from "zod";
import { assert } from "../base/assert.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Describes a part of a schema. */
export type Describe = (part: z.core.$ZodType) => JsonSchema;

interface Told {
  readonly json: (describe: Describe) => JsonSchema;
  /** Under which the schema stands among the document's components. */
  readonly name?: string;
}

/** Filled while modules are loaded, and only read afterwards. */
const told = new WeakMap<z.core.$ZodType, Told>();

/** Tells what JSON `schema` takes. */
export function describedAs<Schema extends z.ZodType>(schema: Schema, json: Told["json"]): Schema {
  told.set(schema, { json });
  return schema;
}

/** Gives a described schema a name: it is described once, and referred to everywhere else. */
export function named<Schema extends z.ZodType>(name: string, schema: Schema): Schema {
  const before = told.get(schema);
  assert(before !== undefined, "what gets a name is described");
  told.set(schema, { ...before, name });
  return schema;
}

/** A reference to one of the document's components. */
export const referenceTo = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

/** The JSON Schema of what `schema` takes. Named parts are put into `components`. */
export function inputSchema(
  schema: z.core.$ZodType,
  components: Record<string, JsonSchema>,
): JsonSchema {
  const describe: Describe = (part) => {
    const known = told.get(part);
    if (known === undefined) return describe(wrapped(part));
    const { name, json } = known;
    if (name === undefined) return json(describe);
    if (components[name] === undefined) {
      // A schema that contains itself finds its name taken.
      components[name] = {};
      components[name] = json(describe);
    }
    return referenceTo(name);
  };
  return describe(schema);
}

type Definition = z.core.$ZodTypes["_zod"]["def"];

/** What a wrapper is around. */
function wrapped(schema: z.core.$ZodType): z.core.$ZodType {
  const { def } = schema as unknown as { readonly def: Definition };
  switch (def.type) {
    case "optional":
    case "nullable":
    case "default":
      return def.innerType;
    case "pipe":
      return def.in;
    case "lazy":
      return def.getter();
    default:
      throw new Error(`nobody has told what JSON a schema of zod's type ${def.type} takes`);
  }
}
