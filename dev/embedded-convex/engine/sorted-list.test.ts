/** The sorted list against a sorted array. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SortedList } from "./sorted-list.js";

const byNumber = (a: number, b: number): number => a - b;

describe("SortedList", () => {
  it("behaves like a sorted array, at sizes of several blocks", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer(), { maxLength: 3_000, minLength: 0, size: "max" }),
        fc.uniqueArray(fc.integer({ min: -1_000, max: 1_000 }), { maxLength: 500, size: "max" }),
        fc.infiniteStream(fc.nat()),
        (initial, added, picks) => {
          let model = [...initial].sort(byNumber);
          const list = new SortedList<number>(byNumber, model);
          for (const element of added) {
            if (model.includes(element)) continue;
            list.insert(element);
            model = [...model, element].sort(byNumber);
            const [pick = 0] = picks.take(1);
            const victim = model[pick % model.length] ?? 0;
            expect(list.delete(victim)).toBe(true);
            expect(list.delete(victim)).toBe(false);
            model = model.filter((other) => other !== victim);
          }
          expect([...list]).toEqual(model);
          expect(list.size).toBe(model.length);
        },
      ),
      { seed: 1, numRuns: 15 },
    );
  });

  it("walks in both directions from any place", () => {
    const elements = Array.from({ length: 2_500 }, (_, at) => at * 2);
    const list = new SortedList<number>(byNumber, elements);
    for (const start of [-1, 0, 1_023, 1_024, 2_048, 4_998, 4_999]) {
      const forward: number[] = [];
      const position = list.firstWhere((element) => element >= start);
      for (let found = list.at(position); found !== undefined; found = list.at(position)) {
        forward.push(found);
        list.advance(position);
      }
      expect(forward).toEqual(elements.filter((element) => element >= start));
      const backward: number[] = [];
      const end = list.firstWhere((element) => element >= start);
      list.retreat(end);
      for (let found = list.at(end); found !== undefined; found = list.at(end)) {
        backward.push(found);
        list.retreat(end);
      }
      expect(backward.reverse()).toEqual(elements.filter((element) => element < start));
    }
  });
});
