/** Convex's transaction limits, and what queries cost at any size of a table. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, openNotesApp, valueOf } from "./test-engine.js";
import type { EmbeddedEngine } from "./types.js";

let engine: EmbeddedEngine;
beforeAll(async () => {
  engine = await openNotesApp();
});
afterAll(async () => {
  await engine.close();
});

/** The fastest of several runs: what the work costs without what else the machine was doing. */
async function bestOf(runs: number, work: () => Promise<unknown>): Promise<number> {
  let best = Infinity;
  for (let run = 0; run < runs; run += 1) {
    const startedAt = performance.now();
    await work();
    best = Math.min(best, performance.now() - startedAt);
  }
  return best;
}

const seed = async (author: string, from: number, to: number) =>
  await engine.seed(
    "",
    "notes",
    Array.from({ length: to - from }, (_, at) => ({ author, text: "t", rank: from + at })),
  );

describe("limits", () => {
  it("measures a call as Convex counts it", async () => {
    await seed("metered", 0, 5);
    const listed = await engine.measure("", "notes:list", { author: "metered" });
    expect(listed).toMatchObject({
      databaseQueries: 1,
      documentsRead: 5,
      documentsWritten: 0,
      value: ["t", "t", "t", "t", "t"],
    });
    expect(listed.bytesRead).toBeGreaterThan(100);
    const added = await engine.measure("", "notes:add", { author: "metered", text: "u" });
    expect(added).toMatchObject({ documentsWritten: 1, functionsScheduled: 0 });
    const counted = await engine.measure("redTally", "lib:increment", {});
    expect(counted).toMatchObject({ value: 1, documentsWritten: 1 });
    await expect(engine.measure("", "notes:addThenThrow", { author: "x" })).rejects.toThrow("it broke");
  });

  it("costs the same at 1,000 and at 100,000 documents", { timeout: 120_000 }, async () => {
    const operations = async (): Promise<Record<string, number>> => ({
      list: await bestOf(15, () => valueOf(engine, "notes:list", { author: "few" })),
      add: await bestOf(15, () => valueOf(engine, "notes:add", { author: "many", text: "new" })),
      get: await bestOf(15, () => valueOf(engine, "notes:get", { id })),
      page: await bestOf(15, () => valueOf(engine, "notes:page", { author: "many", numItems: 10, cursor: null })),
    });
    const [id = ""] = await seed("few", 0, 3);
    await seed("many", 0, 1_000);
    const small = await operations();
    await seed("many", 1_000, 100_000);
    // Indexes come into being with the first query that needs them; that one is not what is measured.
    await operations();
    const large = await operations();
    for (const [operation, ms] of Object.entries(large)) {
      // A scan would cost a hundred times as much; the constant forgives what takes next to no time.
      expect(ms, `${operation}: ${small[operation]} ms, then ${ms} ms`).toBeLessThan(5 * (small[operation] ?? 0) + 5);
    }
  });

  it("refuses to read more than Convex would, and leaves nothing open behind it", async () => {
    const result = await call(engine, "notes:scanEverything");
    expect(result).toMatchObject({
      success: false,
      errorMessage: expect.stringContaining("Scanned too many documents") as string,
    });
    expect(await valueOf(engine, "notes:list", { author: "few" })).toHaveLength(3);
  });
});
