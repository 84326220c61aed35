/** Random database operations for the differential test, as fast-check arbitraries. */
import fc from "fast-check";
import type { Value } from "convex/values";
import type { Fields, Operation, QueryOperation } from "../fixtures/operations-app/operation-types.js";

const INDEX_FIELDS = {
  by_a: ["a"],
  by_a_b: ["a", "b"],
  by_nested: ["nested.x", "b"],
  by_creation_time: [],
  by_id: [],
} as const;

/** Few different values of every type, so that they meet often. */
const values: Value[] = [
  null,
  0,
  -0,
  1,
  2,
  2.5,
  NaN,
  Infinity,
  0n,
  1n,
  true,
  false,
  "",
  "a",
  "ab",
  "é",
  "😀",
  "\uffff",
];
values.push([1], [1, "a"], new Uint8Array([1, 2]).buffer, { k: 1 }, {});
const value = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(1, 2, "a") },
  { weight: 2, arbitrary: fc.constantFrom(...values) },
);
const table = fc.constantFrom("items" as const, "others" as const);
const order = fc.constantFrom("asc" as const, "desc" as const);
const fields: fc.Arbitrary<Fields> = fc
  .record({ a: value, b: value, nested: fc.record({ x: value }, { requiredKeys: [] }) }, { requiredKeys: [] })
  .map((made) => ({ ...made }));
const boundValue: fc.Arbitrary<Value[]> = fc.oneof(
  { weight: 9, arbitrary: value.map((bound) => [bound]) },
  { weight: 1, arbitrary: fc.constant<Value[]>([]) },
);
const count = fc.nat({ max: 4 });

const query: fc.Arbitrary<QueryOperation> = fc
  .record({
    table,
    index: fc.constantFrom("by_a", "by_a_b", "by_nested", "by_creation_time", "by_id", null),
    equalCount: fc.nat({ max: 2 }),
    bounds: fc.array(boundValue, { minLength: 4, maxLength: 4 }),
    hasLower: fc.boolean(),
    hasUpper: fc.boolean(),
    lowerInclusive: fc.boolean(),
    upperInclusive: fc.boolean(),
    order,
    filter: fc.option(fc.constantFrom(1, 2), { freq: 3 }),
    mode: fc.oneof(
      fc.constantFrom({ kind: "collect" } as const, { kind: "first" } as const, { kind: "unique" } as const),
      fc.record({ kind: fc.constantFrom("take" as const, "some" as const), count }),
      fc.record({
        kind: fc.constant("paginate" as const),
        options: fc.record(
          // A number stands for an earlier cursor of the same index; see `placeCursors`.
          {
            numItems: count,
            cursor: fc.option(fc.nat({ max: 3 }).map(String)),
            maximumRowsRead: fc.integer({ min: 1, max: 3 }),
          },
          { requiredKeys: ["numItems", "cursor"] },
        ),
      }),
    ),
  })
  .map((made) => {
    const names: readonly string[] = made.index === null ? [] : INDEX_FIELDS[made.index];
    const equal = names.slice(0, made.equalCount).map((name, at): [string, Value[]] => [name, made.bounds[at] ?? []]);
    const next = names[equal.length];
    const bound = (isThere: boolean, at: number, inclusive: boolean) =>
      isThere && next !== undefined ? { field: next, value: made.bounds[at] ?? [], inclusive } : null;
    const lower = bound(made.hasLower, 2, made.lowerInclusive);
    const upper = bound(made.hasUpper, 3, made.upperInclusive);
    return {
      kind: "query",
      table: made.table,
      index: made.index,
      equal,
      lower,
      upper,
      order: made.order,
      filter: made.filter,
      mode: made.mode,
    };
  });

const reference = fc.nat({ max: 40 });
const flatOperation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("insert" as const), table, document: fields }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("patch" as const), of: reference, fields }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("replace" as const), of: reference, document: fields }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("delete" as const, "get" as const), of: reference }) },
  { weight: 6, arbitrary: query },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("nestedQuery" as const, "staleQuery" as const), query }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("iterateAndWrite" as const), table, order }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("schedule" as const), tag: count, cancel: fc.boolean() }) },
);
const nested: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constant("nested" as const),
  operations: fc
    .array(flatOperation, { maxLength: 5 })
    .map((operations): Value => operations.map((made) => ({ ...made }))),
  fail: fc.boolean(),
});
/** What one mutation does, and whether it throws at its end. */
export const transaction = fc.record({
  operations: fc.array(fc.oneof({ weight: 9, arbitrary: flatOperation }, { weight: 1, arbitrary: nested }), {
    maxLength: 10,
  }),
  fail: fc.boolean().map((fails) => fails),
});
