/** What each call may read and write, at any backlog: the budgets of the design, measured as Convex measures them. */
import type { GenericDataModel, GenericMutationCtx } from "convex/server";
import { beforeEach, describe, expect, it } from "vitest";
import type { Claim } from "../shared/worker-protocol.js";
import { bindUser, enqueue, inComponent, lib, startWithAgent, useFakeClock, type Harness } from "./setup.test-kit.js";
import { startWorker, type StartedWorker } from "./worker.test-kit.js";
import { upload } from "./snapshots/snapshots.test-kit.js";

type Callable = Pick<GenericMutationCtx<GenericDataModel>, "runMutation" | "runQuery">;

/** Documents that `call` reads and writes, and functions it schedules. */
async function cost(t: Harness, call: (ctx: Callable) => Promise<unknown>) {
  return await t.mutation(async (ctx) => {
    await call(ctx);
    const metrics = await ctx.meta.getTransactionMetrics();
    return {
      read: metrics.documentsRead.used,
      written: metrics.documentsWritten.used,
      scheduled: metrics.functionsScheduled.used,
      bytesWritten: metrics.bytesWritten.used,
    };
  });
}

const payload = { provider: "app", providerUserId: "u", messageText: "hi", externalMessageId: "delivery" };

describe.each([
  { backlog: 0, workers: 1, finishedWorkers: 0, history: 0 },
  { backlog: 120, workers: 10, finishedWorkers: 300, history: 300 },
])("with a backlog of $backlog, $workers workers, $finishedWorkers gone ones and $history entries said", (scale) => {
  useFakeClock();
  let t: Harness;
  let worker: StartedWorker;
  let conversationId: string;

  beforeEach(async () => {
    t = await startWithAgent();
    conversationId = await bindUser(t, "ada");
    worker = await startWorker(t);
    for (let index = 1; index < scale.workers; index++) await startWorker(t);
    for (let index = 0; index < scale.backlog; index++) await enqueue(t, `c${index % 100}`);
    // All counter rows exist after a while, and every call then patches instead of inserting.
    if (scale.backlog === 0) for (let index = 0; index < 60; index++) await enqueue(t, `warmup${index}`);
    await inComponent(t, async (ctx) => {
      const row = await ctx.db.query("workers").first();
      if (row === null) throw new Error("no worker");
      const { _id, _creationTime, ...fields } = row;
      for (let index = 0; index < scale.finishedWorkers; index++) {
        await ctx.db.insert("workers", { ...fields, workerId: `gone${index}`, status: "stopped", stoppedAt: 1 });
      }
      for (let index = 0; index < scale.history; index++) {
        const place = { conversationId, messageId: "past", generation: -1 - index, part: 0, at: 0 };
        await ctx.db.insert("transcript", { ...place, role: "user", content: "as I said" });
      }
    });
  });

  async function running(): Promise<{ args: Pick<Claim, "messageId" | "leaseId" | "generation">; claimed: Claim }> {
    await enqueue(t, conversationId);
    const claimed = await worker.mustClaim(conversationId);
    const { messageId, leaseId, generation } = claimed;
    return { args: { messageId, leaseId, generation, ...worker.credentials }, claimed };
  }
  const of = <Args>(args: Args) => ({ ...worker.credentials, ...args });

  it("enqueue reads at most 10, writes at most 5 and schedules at most one reconcile", async () => {
    const args = { agentKey: "a", payload };
    const first = await cost(t, async (ctx) => ctx.runMutation(lib.enqueue, { ...args, conversationId }));
    const known = { ...args, conversationId, payload: { ...payload, externalMessageId: "2" } };
    const follower = await cost(t, async (ctx) => ctx.runMutation(lib.enqueue, known));
    await worker.complete(await worker.mustClaim(conversationId));
    await worker.complete(await worker.mustClaim(conversationId));
    const idle = { ...known, payload: { ...payload, externalMessageId: "3" } };
    const again = await cost(t, async (ctx) => ctx.runMutation(lib.enqueue, idle));
    for (const { read, written, scheduled } of [first, follower, again]) {
      expect(read).toBeLessThanOrEqual(10);
      expect(written).toBeLessThanOrEqual(5);
      expect(scheduled).toBeLessThanOrEqual(1);
    }
    const repeated = await cost(t, async (ctx) => ctx.runMutation(lib.enqueue, idle));
    expect(repeated).toMatchObject({ written: 0, scheduled: 0 });
  });

  it("claim reads at most 16 and writes at most 6", async () => {
    const { read, written } = await cost(t, async (ctx) => ctx.runMutation(lib.claim, worker.credentials));
    expect(read).toBeLessThanOrEqual(16);
    expect(written).toBeLessThanOrEqual(6);
    expect(written).toBeGreaterThan(0);
  });

  it("a claim that finds nothing reads at most 6 and writes nothing", async () => {
    const { claimed } = await running();
    await worker.complete(claimed);
    const nothing = await cost(t, async (ctx) => ctx.runMutation(lib.claim, worker.credentials));
    expect(nothing.read).toBeLessThanOrEqual(6);
    expect(nothing).toMatchObject({ written: 0, scheduled: 0 });
  });

  it("heartbeat reads at most 4 and writes one small row", async () => {
    await running();
    const { read, written, bytesWritten } = await cost(t, async (ctx) =>
      ctx.runMutation(lib.heartbeat, worker.credentials),
    );
    expect(read).toBeLessThanOrEqual(4);
    expect(written).toBe(1);
    expect(bytesWritten).toBeLessThan(1_024);
  });

  it("complete reads at most 16 and writes at most 10, with a snapshot and a follower", async () => {
    const first = await running();
    await worker.complete(first.claimed, "ok", {
      snapshotId: (await upload(t, worker, first.claimed, "one")).snapshotId,
    });
    const { args, claimed } = await running();
    const { snapshotId } = await upload(t, worker, claimed, "two");
    await enqueue(t, conversationId, "next");
    const { read, written } = await cost(t, async (ctx) =>
      ctx.runMutation(lib.complete, of({ ...args, reply: "hello", snapshotId })),
    );
    expect(read).toBeLessThanOrEqual(16);
    expect(written).toBeLessThanOrEqual(10);
  });

  it("fail reads at most 16 and writes at most 10, whether or not it is tried again", async () => {
    for (const retryable of [true, false]) {
      await enqueue(t, `d${retryable}`);
      const runner = await startWorker(t);
      const { messageId, leaseId, generation } = await runner.mustClaim(`d${retryable}`);
      await enqueue(t, `d${retryable}`, "next");
      const args = { ...runner.credentials, messageId, leaseId, generation, errorMessage: "no", retryable };
      const { read, written } = await cost(t, async (ctx) => ctx.runMutation(lib.fail, args));
      expect(read).toBeLessThanOrEqual(16);
      expect(written).toBeLessThanOrEqual(10);
    }
  });

  it("hydration reads at most 16 and the window", async () => {
    const { args } = await running();
    const { read, written } = await cost(t, async (ctx) => ctx.runQuery(lib.getHydrationBundle, of(args)));
    expect(read).toBeLessThanOrEqual(16 + Math.min(50, scale.history));
    expect(written).toBe(0);
  });

  it("the inbox reads at most 6 while nothing waits for the worker", async () => {
    const { claimed } = await running();
    await worker.complete(claimed);
    const { read } = await cost(t, async (ctx) => ctx.runQuery(lib.workerInbox, of({ wantsWork: true })));
    expect(read).toBeLessThanOrEqual(6);
  });

  it("streaming a word reads at most 6 and writes one row", async () => {
    const { args } = await running();
    const delta = async (offset: number) =>
      await cost(t, async (ctx) => ctx.runMutation(lib.appendTurnDelta, of({ ...args, offset, text: "word " })));
    await delta(0);
    const { read, written } = await delta(5);
    expect(read).toBeLessThanOrEqual(6);
    expect(written).toBe(1);
  });

  it("queueStats reads at most 24", async () => {
    const { read } = await cost(t, async (ctx) => ctx.runQuery(lib.queueStats, {}));
    expect(read).toBeLessThanOrEqual(24);
  });
});
