// Owns reading the small JSON bodies of the plain API: what is wrong with one is said in a sentence
// for the person who wrote it.

import { z } from "zod";
import { accept, refuse, type Result } from "../base/result.ts";

/** Any JSON. */
function parseJson(text: string): Result<unknown, string> {
  try {
    return accept(JSON.parse(text));
  } catch {
    return refuse("the body is not JSON");
  }
}

/** The body as `schema` has it, or what the first field that is wrong should be. */
export function parseBody<T>(schema: z.ZodType<T>, body: string): Result<T, string> {
  const json = parseJson(body);
  if (!json.ok) return json;
  const parsed = schema.safeParse(json.value);
  if (parsed.success) return accept(parsed.data);
  const [issue] = parsed.error.issues;
  return refuse(issue?.message ?? "the body is not what it should be");
}
