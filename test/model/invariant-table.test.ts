/** The table of promises in `invariants.md` names tests that exist, and leaves none of the queue's promises out. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MODEL = { file: "test/model/queue.test.ts", title: "agree on every answer and every row" };
/** Lease to effects, retry, fairness and backpressure; those between are about workers. */
const PROMISED = [...range(1, 24), ...range(31, 36)].map((number) => `INV-${String(number).padStart(2, "0")}`);
/** Of which nothing is built. */
const NOT_BUILT = ["INV-15", "INV-34", "INV-35"];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

type Promised = { id: string; text: string; tests: { file: string; title: string }[] };

function readTable(): Promised[] {
  const text = readFileSync(join(ROOT, "test/model/invariants.md"), "utf8");
  return text
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const id = /^INV-\d\d/.exec(section)?.[0] ?? section;
      const tests = [...section.matchAll(/^- (?:model$|`([^`]+)`: (.+)$)/gm)].map(([, file, title]) =>
        file === undefined || title === undefined ? MODEL : { file, title },
      );
      return { id, text: section, tests };
    });
}

const table = readTable();

describe("the table of invariants", () => {
  it("has each of the queue's promises once", () => {
    expect(table.map(({ id }) => id)).toEqual(PROMISED);
  });

  for (const { id, text, tests } of table) {
    if (NOT_BUILT.includes(id)) {
      it(`${id} says that it is not built yet, and names no test`, () => {
        expect(tests).toEqual([]);
        expect(text).toContain("Not built yet");
      });
      continue;
    }
    it(`${id} names tests that exist`, () => {
      expect(tests.length).toBeGreaterThan(1);
      for (const { file, title } of tests) {
        const source = readFileSync(join(ROOT, file), "utf8");
        expect(source, `${file} has no test "${title}"`).toContain(title);
      }
    });
  }
});
