/** JSON objects of unknown content: told apart from other values, and laid over one another. Pure. */

export type JsonRecord = { readonly [key: string]: unknown };

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Nested deeper than any configuration; what lies below is taken as one value. */
const MAX_DEPTH = 16;

/** `base` with `over` laid over it: objects are merged, everything else is replaced. */
export function overlay(base: JsonRecord, over: JsonRecord, depth = 0): JsonRecord {
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const below = merged.get(key);
    const both = depth < MAX_DEPTH && isRecord(below) && isRecord(value);
    merged.set(key, both ? overlay(below, value, depth + 1) : value);
  }
  return Object.fromEntries(merged);
}
