/** Keys of indexes, how they compare, and the ranges of keys that queries ask for. Pure. */
import { CommitTsPlaceholder, compareValues, jsonToConvex, type JSONValue, type Value } from "convex/values";
import type { Document, RangeFilter } from "./convex-test-types.js";

/** Values of an index's fields, in their order; the last one is the document's id, so no two keys are equal. */
export type Key = readonly (Value | undefined)[];

/** `prefix` may be shorter than the keys: then it stands for all keys that begin with it. */
export interface Bound {
  prefix: Key;
  inclusive: boolean;
}

/** Keys above all lower bounds and below all upper bounds. */
export interface KeyRange {
  lower: readonly Bound[];
  upper: readonly Bound[];
}

/** From here on a UTF-16 code unit may be half of a character, and code units no longer sort like UTF-8. */
const FIRST_SURROGATE = 0xd800;

export function keyOf(document: Document, fields: readonly string[]): Key {
  return fields.map((field) => valueAt(document, field));
}

export function compareKeys(a: Key, b: Key): number {
  return comparePrefix(a, b, Math.max(a.length, b.length));
}

export function isBelow(key: Key, range: KeyRange): boolean {
  return range.lower.some(({ prefix, inclusive }) => {
    const order = comparePrefix(key, prefix, prefix.length);
    return order < 0 || (order === 0 && !inclusive);
  });
}

export function isAbove(key: Key, range: KeyRange): boolean {
  return range.upper.some(({ prefix, inclusive }) => {
    const order = comparePrefix(key, prefix, prefix.length);
    return order > 0 || (order === 0 && !inclusive);
  });
}

/** @param filters of a `withIndex` call, already validated: equalities, then at most one bound on each side. */
export function rangeOf(filters: readonly RangeFilter[]): KeyRange {
  const equal: (Value | undefined)[] = [];
  let lower: Bound | null = null;
  let upper: Bound | null = null;
  for (const { type, value } of filters) {
    const bound = queryValue(value);
    if (type === "Eq") equal.push(bound);
    else if (type === "Gt" || type === "Gte") lower = { prefix: [...equal, bound], inclusive: type === "Gte" };
    else upper = { prefix: [...equal, bound], inclusive: type === "Lte" };
  }
  const all = { prefix: equal, inclusive: true };
  return { lower: [lower ?? all], upper: [upper ?? all] };
}

function comparePrefix(a: Key, b: Key, length: number): number {
  for (let index = 0; index < length; index += 1) {
    const order = compareFields(a[index], b[index]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Convex's order of values; the common cases without the allocations of `compareValues`. */
function compareFields(a: Value | undefined, b: Value | undefined): number {
  if (typeof a === "number" && typeof b === "number" && a !== 0 && b !== 0) {
    if (a < b) return -1;
    if (a > b) return 1;
    if (a === b) return 0;
  } else if (typeof a === "string" && typeof b === "string") {
    if (a === b) return 0;
    const length = Math.min(a.length, b.length);
    for (let index = 0; index < length; index += 1) {
      const left = a.charCodeAt(index);
      const right = b.charCodeAt(index);
      if (left === right) continue;
      if (left >= FIRST_SURROGATE || right >= FIRST_SURROGATE) return compareValues(a, b);
      return left - right;
    }
    return a.length - b.length;
  }
  return compareValues(a, b);
}

/** A bound as `withIndex` serializes it: `undefined` has a form of its own. */
function queryValue(json: JSONValue): Value | undefined {
  if (typeof json === "object" && json !== null && "$undefined" in json) return undefined;
  return jsonToConvex(json);
}

function valueAt(document: Document, field: string): Value | undefined {
  if (!field.includes(".")) return document[field];
  let value: Value | undefined = { ...document };
  for (const part of field.split(".")) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    if (value instanceof ArrayBuffer || value instanceof CommitTsPlaceholder) return undefined;
    value = value[part];
  }
  return value;
}
