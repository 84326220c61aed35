/** What a worker says of a turn is not believed where it could do harm. */
import { describe, expect, it } from "vitest";
import { enqueue, expectRefused, snapshotOfAllTables, startWithAgent, useFakeClock } from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";

const DAY_MS = 24 * 60 * 60_000;

async function running() {
  const t = await startWithAgent();
  await enqueue(t, "c");
  const worker = await startWorker(t);
  return { t, worker, claim: await worker.mustClaim() };
}

describe("what a worker says of a turn", () => {
  useFakeClock();

  it("counts up: usage that would buy something back, or is no number, is refused", async () => {
    const { t, worker, claim } = await running();
    const right = { inputTokens: 1, outputTokens: 2 };
    const wrong = [
      { ...right, inputTokens: -1 },
      { ...right, outputTokens: NaN },
      { ...right, outputTokens: Infinity },
      { ...right, costUsd: -0.01 },
    ];
    for (const usage of wrong) {
      await expectRefused(t, "invalid_argument", async () => worker.complete(claim, "ok", { usage }));
    }
    expect(await worker.complete(claim, "ok", { usage: { ...right, costUsd: 0 } })).toBe(true);
  });

  it("puts its message off for a day at most, and never for no time at all", async () => {
    for (const retryAfterMs of [NaN, Infinity, -Infinity, -1, 1e308, DAY_MS]) {
      const { t, worker, claim } = await running();
      const before = Date.now();
      const { nextScheduledFor } = await worker.failAs(claim, "overloaded", { retryAfterMs });
      expect(nextScheduledFor, String(retryAfterMs)).toBeGreaterThan(before);
      expect(nextScheduledFor, String(retryAfterMs)).toBeLessThanOrEqual(before + DAY_MS);
      expect((await snapshotOfAllTables(t)).lanes).toMatchObject([{ state: "delayed", wakeAt: nextScheduledFor }]);
    }
  });
});
