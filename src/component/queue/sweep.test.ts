import { describe, expect, it, vi } from "vitest";
import type { Id } from "../_generated/dataModel.js";
import {
  component,
  enqueue,
  inComponent,
  lib,
  passTime,
  queueStats,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { POISON_RETRY_MS } from "./recovery.js";
import { sweepState, WEDGED_AFTER_MS } from "./sweep.js";

async function health(t: Harness) {
  return await t.action(async (ctx) => await ctx.runQuery(lib.queueHealth, {}));
}

/** Advances in steps, as time passes: the loop wakes at its own deadlines. */
async function letTimePass(t: Harness, ms: number, stepMs = 5_000) {
  for (let passed = 0; passed < ms; passed += stepMs) await runScheduled(t, stepMs);
}

describe("the sweep", () => {
  useFakeClock();

  it("takes back what a silent worker holds without anybody asking: no reconcile, no cron, no other worker", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.mustClaim();
    await letTimePass(t, 40_000);
    expect(await queueStats(t)).toMatchObject({ processing: 1 });
    await letTimePass(t, 10_000);
    expect(await queueStats(t)).toMatchObject({ processing: 0, queued: 1 });
  });

  it("follows the heartbeats: a worker that is alive keeps what it holds for as long as it may", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { runTimeoutMs: 300_000 } });
    await enqueue(t, "c");
    await worker.mustClaim();
    for (let round = 0; round < 29; round++) {
      await worker.heartbeat();
      await runScheduled(t, 10_000);
    }
    expect(await queueStats(t)).toMatchObject({ processing: 1 });
    await worker.heartbeat();
    await runScheduled(t, 10_000);
    expect(await queueStats(t)).toMatchObject({ processing: 0 });
  });

  it("sees to a conversation whose worker died after its turn, before it claimed the next one", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "1");
    const claimed = await worker.mustClaim();
    await enqueue(t, "c", "2");
    await letTimePass(t, 10_000);
    await worker.heartbeat();
    await worker.complete(claimed);
    const reserved = (await snapshotOfAllTables(t)).lanes;
    expect(reserved).toMatchObject([{ state: "ready", audience: worker.workerId }]);
    passTime(60_000);
    await t.action(async (ctx) => await ctx.runMutation(component.queue.internal.sweepOnce, { poolKey: "default" }));
    const { lanes, capacityRequests } = await snapshotOfAllTables(t);
    expect(lanes).toMatchObject([{ state: "ready", audience: "any" }]);
    // Somebody has to come for it, and is asked to now.
    expect(Number(capacityRequests?.[0]?.["scheduledAt"])).toBeGreaterThanOrEqual(Date.now());
  });

  it("sleeps for good once nothing waits for the clock, and is woken by the next worker", async () => {
    const t = await startWithAgent();
    await startWorker(t);
    await letTimePass(t, 60_000);
    const status = async () =>
      await inComponent(t, async (ctx) => await ctx.db.query("leaseHolders").withIndex("by_worker").collect());
    expect(await status()).toMatchObject([{ state: "lapsed" }]);
    await letTimePass(t, 120_000, 30_000);
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.mustClaim();
    await letTimePass(t, 60_000);
    expect(await queueStats(t)).toMatchObject({ processing: 0, queued: 1 });
  });

  it("goes on behind a lease that cannot be recovered, and tries that one again later", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 3 } });
    for (const conversationId of ["a", "poison", "z"]) await enqueue(t, conversationId);
    await worker.mustClaim("a");
    const poison = await worker.mustClaim("poison");
    await worker.mustClaim("z");
    // A lane that is gone is what no code of ours does, and what a hand in the dashboard can.
    const lane = await inComponent(t, async (ctx) => {
      const row = await ctx.db.query("lanes").collect();
      const found = row.find(({ conversationId }) => conversationId === "poison");
      if (found !== undefined) await ctx.db.delete("lanes", found._id);
      return found;
    });
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    await letTimePass(t, 60_000);
    const { leases, lanes, leaseHolders } = await snapshotOfAllTables(t);
    expect(leases).toMatchObject([{ _id: poison.leaseId }]);
    expect(Number(leases?.[0]?.sweepAt)).toBeGreaterThan(Date.now() + POISON_RETRY_MS - 120_000);
    expect(lanes?.map(({ queuedCount }) => queuedCount)).toEqual([1, 1]);
    expect(leaseHolders).toMatchObject([{ state: "lapsed" }]);
    expect(await health(t)).toEqual({ sweep: "idle", overdueSince: null });
    // Nothing of the attempt was written, and the worker cannot act on it either.
    const message = (await snapshotOfAllTables(t)).messages?.find(({ _id }) => _id === poison.messageId);
    expect(message).toMatchObject({ status: "processing", attempts: 1 });
    expect(lane).toBeDefined();
  });

  it("frees the conversation of a message that somebody deleted while it ran", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "first");
    await enqueue(t, "c", "second");
    const { messageId } = await worker.mustClaim();
    await inComponent(t, async (ctx) => await ctx.db.delete("messages", messageId as Id<"messages">));
    await letTimePass(t, 60_000);
    expect(await queueStats(t)).toMatchObject({ processing: 0, queued: 1, queuedReady: 1 });
    expect(await (await startWorker(t)).mustClaim()).toMatchObject({ payload: { messageText: "second" } });
  });
});

describe("the health of the sweep", () => {
  useFakeClock();

  it("is told by what is left undone, and for how long", () => {
    expect(sweepState(null, 1_000)).toBe("idle");
    expect(sweepState(1_000, 1_000)).toBe("working");
    expect(sweepState(1_000, 1_000 + WEDGED_AFTER_MS - 1)).toBe("working");
    expect(sweepState(1_000, 1_000 + WEDGED_AFTER_MS)).toBe("wedged");
  });

  it("is idle while everybody is alive, wedged when the loop does not run, and mended by recoverQueue", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.mustClaim();
    expect(await health(t)).toEqual({ sweep: "idle", overdueSince: null });
    const since = Date.now() + 45_000;
    // The clock moves and nothing that was scheduled runs, as if the scheduler were stuck.
    passTime(45_000);
    expect(await health(t)).toEqual({ sweep: "working", overdueSince: since });
    passTime(WEDGED_AFTER_MS);
    expect(await health(t)).toEqual({ sweep: "wedged", overdueSince: since });
    expect(await t.action(async (ctx) => await ctx.runMutation(lib.releaseStuckJobs, {}))).toMatchObject({
      requeued: 1,
    });
    expect(await health(t)).toEqual({ sweep: "idle", overdueSince: null });
  });

  it("does not depend on one loop alone: the reconcile sweeps as well", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.mustClaim();
    passTime(45_000);
    await t.action(async (ctx) => await ctx.runMutation(component.pool.internal.sweep, { poolKey: "default" }));
    expect(await queueStats(t)).toMatchObject({ processing: 0, queued: 1 });
  });
});
