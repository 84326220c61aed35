import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { takeWithin } from "./bounded.js";

async function* rowsOf(sizes: number[], seen: number[]) {
  for (const size of sizes) {
    seen.push(size);
    yield size;
  }
}

describe("a bounded read", () => {
  it("takes a prefix within both bounds, the longest there is, and at least one row", async () => {
    const bounds = fc.record({ rows: fc.integer({ min: 1, max: 12 }), characters: fc.nat(60) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 15 }), bounds, async (sizes, { rows, characters }) => {
        const seen: number[] = [];
        const taken = await takeWithin(rowsOf(sizes, seen), { rows, characters }, (size) => size);
        const total = (count: number) => sizes.slice(0, count).reduce((sum, size) => sum + size, 0);
        expect(taken).toEqual(sizes.slice(0, taken.length));
        expect(taken.length).toBeLessThanOrEqual(rows);
        if (sizes.length > 0) expect(taken.length).toBeGreaterThanOrEqual(1);
        if (taken.length > 1) expect(total(taken.length)).toBeLessThanOrEqual(characters);
        const isComplete = taken.length === Math.min(rows, sizes.length);
        if (!isComplete) expect(total(taken.length + 1)).toBeGreaterThan(characters);
        // It never reads further than the one row that did not fit.
        expect(seen.length).toBeLessThanOrEqual(taken.length + 1);
      }),
    );
  });

  it("of no rows reads none", async () => {
    const seen: number[] = [];
    expect(await takeWithin(rowsOf([1], seen), { rows: 0, characters: 10 }, (size) => size)).toEqual([]);
    expect(seen).toEqual([]);
  });
});
