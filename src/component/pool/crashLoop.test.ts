/** An image that never comes up must not become a loop on the bill. */
import { describe, expect, it } from "vitest";
import { enqueue, queueStats } from "../setup.test-kit.js";
import { health, letTimePass, startPool, useFakePool, type Pool } from "./pool.test-kit.js";

const MINUTE = 60_000;

/** Every machine that is up ends at once, for as long as this goes on. */
async function crashEverythingFor({ api }: Pool, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 2_000) {
    for (const machine of api.live()) api.exit(machine);
    await letTimePass(2_000);
  }
}

describe("machines that end before their worker has enrolled", () => {
  useFakePool();

  it("are replaced ever less often, with a reason where people look, until one stays up", async () => {
    const pool = await startPool({ maxWorkers: 5 });
    const { t, api, fleet } = pool;
    await enqueue(t, "c");
    await crashEverythingFor(pool, 30 * MINUTE);
    // Without patience these thirty minutes would have cost some nine hundred machines.
    expect(api.count("create")).toBeLessThanOrEqual(12);
    expect(api.count("create")).toBeGreaterThanOrEqual(5);
    expect((await health(t)).problem).toMatchObject({ kind: "worker_boot_failed" });
    expect(await queueStats(t)).toMatchObject({ queued: 1, deadLetter: 0 });

    await fleet.run(15 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect((await health(t)).problem).toBeNull();
  });
});
