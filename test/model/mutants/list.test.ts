/** Every mutant still applies, so that the check of the tests cannot rot unnoticed. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MUTANTS } from "./list.js";
import { mutate, ROOT } from "./run.js";

describe("the mutants", () => {
  it("are at least 25, each with a name of its own", () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(25);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  for (const mutant of MUTANTS) {
    it(`still apply: ${mutant.name}`, async () => {
      const source = await readFile(join(ROOT, mutant.file), "utf8");
      expect(mutate(source, mutant)).not.toBe(source);
    });
  }

  it("are refused when what they replace is not there, or more than once", () => {
    const mutant = { name: "m", breaks: "INV-01", file: "f", find: "a", replace: "b" };
    expect(() => mutate("xyz", mutant)).toThrow(/0 times/);
    expect(() => mutate("aa", mutant)).toThrow(/2 times/);
  });
});
