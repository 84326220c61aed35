import { describe, expect, it } from "vitest";
import {
  component,
  enqueue,
  inComponent,
  lib,
  passTime,
  queueStats,
  runScheduled,
  startWithAgent,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker, type StartedWorker } from "../worker.test-kit.js";

const LARGE = { payload: { rawUpdateJson: "x".repeat(64 * 1024) } };
const largeText = "x".repeat(128 * 1024);

async function recover(t: Harness) {
  return await t.action(async (ctx) => await ctx.runMutation(lib.releaseStuckJobs, {}));
}

/** One shared worker that runs `count` conversations at once. */
async function runMany(t: Harness, count: number, send: (conversationId: string) => Promise<unknown>) {
  const worker: StartedWorker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 64 } });
  for (let index = 0; index < count; index++) {
    await send(`c${index}`);
    await worker.mustClaim(`c${index}`);
  }
  return worker;
}

describe("recovery", () => {
  useFakeClock();

  it("takes back what a silent worker holds and leaves the others alone", async () => {
    const t = await startWithAgent();
    const [silent, alive] = [await startWorker(t), await startWorker(t)];
    await enqueue(t, "c");
    await enqueue(t, "d");
    await silent.mustClaim();
    const claimed = await alive.mustClaim();
    passTime(44_999);
    await alive.heartbeat();
    expect(await recover(t)).toEqual({ requeued: 0, unlocked: 0 });
    passTime(1);
    expect(await recover(t)).toEqual({ requeued: 1, unlocked: 1 });
    expect(await recover(t)).toEqual({ requeued: 0, unlocked: 0 });
    expect(await alive.complete(claimed)).toBe(true);
  });

  it("reports conversations that could go on because of a dead letter", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "hi", { maxAttempts: 1 });
    await worker.mustClaim();
    passTime(45_000);
    expect(await recover(t)).toEqual({ requeued: 0, unlocked: 1 });
    expect(await queueStats(t)).toMatchObject({ deadLetter: 1, processing: 0 });
  });

  it("ends in the background what does not fit into one transaction", async () => {
    const t = await startWithAgent();
    await runMany(t, 50, async (conversationId) => await enqueue(t, conversationId, largeText, LARGE));
    passTime(45_000);
    const { requeued } = await recover(t);
    expect(requeued).toBeGreaterThan(5);
    expect(requeued).toBeLessThan(50);
    await runScheduled(t);
    expect(await queueStats(t)).toMatchObject({ processing: 0, queued: 50 });
  });

  it("does not give a worker a new life before all that it has lost is back", async () => {
    const t = await startWithAgent();
    const worker = await runMany(t, 50, async (conversationId) => await enqueue(t, conversationId, largeText, LARGE));
    passTime(45_000);
    let beats = 0;
    do {
      expect(await worker.heartbeat()).toBe(false);
      beats += 1;
    } while ((await queueStats(t)).processing > 0);
    expect(beats).toBeGreaterThan(1);
    expect(beats).toBeLessThan(10);
    expect(await worker.heartbeat()).toBe(true);
  });

  it("ends many turns that are past their deadline, in batches", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, {
      policy: { isolation: "shared", conversationsPerWorker: 64, runTimeoutMs: 10_000 },
    });
    for (let index = 0; index < 60; index++) {
      await enqueue(t, `c${index}`, largeText);
      await worker.mustClaim(`c${index}`);
    }
    passTime(10_000);
    await recover(t);
    await runScheduled(t);
    expect(await queueStats(t)).toMatchObject({ processing: 0, queued: 60 });
    expect(await worker.heartbeat()).toBe(true);
  });

  it("of more holders than one batch holds comes to an end", async () => {
    const t = await startWithAgent();
    await inComponent(t, async (ctx) => {
      const now = Date.now();
      const holder = {
        poolKey: "default",
        epoch: 1,
        state: "live" as const,
        beatAt: now,
        leaseDurationMs: 45_000,
        capacity: 1,
      };
      for (let index = 0; index < 250; index++) {
        await ctx.db.insert("leaseHolders", { ...holder, workerId: `dead${index}`, expiresAt: now });
      }
    });
    await recover(t);
    await runScheduled(t);
    const live = await inComponent(
      t,
      async (ctx) => (await ctx.db.query("leaseHolders").collect()).filter(({ state }) => state === "live").length,
    );
    expect(live).toBe(0);
  });
});

describe("waking lanes", () => {
  useFakeClock();

  it("readies what is due and nothing else, in batches inside the limits", async () => {
    const t = await startWithAgent();
    const due = Date.now() + 60_000;
    for (let index = 0; index < 90; index++) {
      await enqueue(t, `c${index}`, largeText, { ...LARGE, scheduledFor: due });
    }
    await enqueue(t, "tomorrow", "hi", { scheduledFor: due + 1 });
    passTime(60_000);
    await t.action(async (ctx) => await ctx.runMutation(component.queue.internal.wakeLanes, { poolKey: "default" }));
    expect((await queueStats(t)).queuedReady).toBeLessThan(90);
    await runScheduled(t);
    expect(await queueStats(t)).toMatchObject({ queuedReady: 90, queued: 91 });
  });

  it("is done by the reconcile as well, should its own call be lost", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 600_000 } });
    await enqueue(t, "c", "later", { scheduledFor: Date.now() + 60_000 });
    passTime(60_000);
    await sweep(t);
    expect(await worker.mustClaim()).toMatchObject({ conversationId: "c" });
  });

  it("does nothing to a lane that has gone on since", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 600_000 } });
    await enqueue(t, "c", "later", { scheduledFor: Date.now() + 1_000 });
    passTime(1_000);
    await sweep(t);
    const claimed = await worker.mustClaim();
    await sweep(t);
    await t.action(async (ctx) => await ctx.runMutation(component.queue.internal.wakeLanes, { poolKey: "default" }));
    expect(await worker.complete(claimed)).toBe(true);
  });
});
