// Owns JSON as the comparison sees it: ordered members, and where two documents differ.

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** One place where two documents differ; undefined: nothing stands there. */
export interface Gap {
  /** As `/header/revision`; empty for the document as a whole. */
  readonly at: string;
  readonly etcd: Json | undefined;
  readonly ours: Json | undefined;
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Parses `text`, or gives it back as a string when it is no JSON. */
export function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** Where `etcd` and `ours` differ. The order of an object's members counts. */
export function gapsBetween(etcd: Json | undefined, ours: Json | undefined, at = ""): Gap[] {
  if (Object.is(etcd, ours)) return [];
  if (Array.isArray(etcd) && Array.isArray(ours)) {
    return each(Math.max(etcd.length, ours.length), (n) =>
      gapsBetween(etcd[n] as Json | undefined, ours[n] as Json | undefined, `${at}/${n}`),
    );
  }
  if (!isObject(etcd) || !isObject(ours)) return [{ at, etcd, ours }];
  const names = [...new Set([...Object.keys(etcd), ...Object.keys(ours)])];
  const gaps = names.flatMap((name) => gapsBetween(etcd[name], ours[name], `${at}/${name}`));
  const common = (one: JsonObject, other: JsonObject): string =>
    Object.keys(one)
      .filter((name) => name in other)
      .join();
  const [theirs, own] = [common(etcd, ours), common(ours, etcd)];
  return theirs === own ? gaps : [...gaps, { at: `${at}/(order)`, etcd: theirs, ours: own }];
}

const each = <T>(count: number, body: (n: number) => T[]): T[] =>
  Array.from({ length: count }, (_, n) => body(n)).flat();

/** The value at `path`, as `members.0.ID`; undefined when nothing stands there. */
export function valueAt(document: Json, path: string): Json | undefined {
  let value: Json | undefined = document;
  for (const name of path.split(".")) {
    value = (value as Readonly<Record<string, Json>> | null | undefined)?.[name];
  }
  return value;
}
