/** Defects that queues of this kind are known for, each as a test that would fail if this one had it. */
import { describe, expect, it } from "vitest";
import {
  bindUser,
  enqueue,
  expectRefused,
  inComponent,
  lib,
  passTime,
  queueStats,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";

const SHARED = { isolation: "shared" as const, conversationsPerWorker: 64 };

/** Gives conversation "c" a past of `turns` answered messages, as rows. */
async function giveHistory(t: Harness, turns: number): Promise<void> {
  for (let start = 0; start < turns; start += 500) {
    await inComponent(t, async (ctx) => {
      for (let turn = start; turn < Math.min(start + 500, turns); turn++) {
        const origin = { conversationId: "c", messageId: `m${turn}`, generation: turn - turns, at: Date.now() };
        await ctx.db.insert("transcript", { ...origin, part: 0, role: "user", content: `question ${turn}` });
        await ctx.db.insert("transcript", { ...origin, part: 201, role: "assistant", content: `answer ${turn}` });
      }
    });
  }
}

describe("a queue without the known defects", () => {
  useFakeClock();

  it("25 messages of a locked conversation do not hide every other one", async () => {
    const t = await startWithAgent();
    const [first, second] = [await startWorker(t), await startWorker(t)];
    for (let index = 0; index < 40; index++) await enqueue(t, "busy", `m${index}`, { priority: 100 });
    await first.mustClaim();
    await enqueue(t, "other");
    expect(await second.mustClaim()).toMatchObject({ conversationId: "other" });
  });

  it("a pinned worker does not starve behind others' messages", async () => {
    for (const isolation of ["conversation", "user"] as const) {
      const t = await startWithAgent();
      const conversationId = await bindUser(t, "ada");
      const pinned = await startWorker(t, { policy: { isolation } });
      await enqueue(t, conversationId);
      await pinned.complete(await pinned.mustClaim(conversationId));
      for (let index = 0; index < 60; index++) await enqueue(t, `${isolation}${index}`, "hi", { priority: 100 });
      await enqueue(t, conversationId);
      expect((await pinned.inbox()).work).not.toBeNull();
      await pinned.complete(await pinned.mustClaim());
    }
  });

  it("priority works beyond the oldest 25", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: SHARED });
    for (let index = 0; index < 60; index++) await enqueue(t, `c${index}`);
    passTime(60_000);
    await worker.heartbeat();
    await enqueue(t, "urgent", "now", { priority: 50 });
    expect(await worker.mustClaim()).toMatchObject({ conversationId: "urgent" });
  });

  it("lease expiry counts an attempt, so a poison message does not loop forever", async () => {
    const t = await startWithAgent();
    await enqueue(t, "c", "poison");
    let deaths = 0;
    while ((await queueStats(t)).deadLetter === 0 && deaths < 20) {
      await (await startWorker(t)).mustClaim();
      deaths += 1;
      passTime(45_000);
      await sweep(t);
      await runScheduled(t, 130_000);
    }
    expect(deaths).toBe(5);
  });

  it("followers do not overtake a failed message", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const failed = await enqueue(t, "c", "first");
    await enqueue(t, "c", "second", { priority: 100 });
    await worker.fail(await worker.mustClaim());
    expect(await worker.claim()).toBeNull();
    await runScheduled(t, 2_000);
    expect(await worker.mustClaim()).toMatchObject({ messageId: failed });
  });

  it("the recovery sweep does not mark a dead worker alive", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.mustClaim();
    passTime(45_000);
    await t.action(async (ctx) => await ctx.runMutation(lib.releaseStuckJobs, {}));
    const { leaseHolders } = await snapshotOfAllTables(t);
    expect(leaseHolders).toMatchObject([{ state: "lapsed", beatAt: Date.now() - 45_000, expiresAt: Date.now() }]);
    expect(await worker.claim()).toBeNull();
  });

  it("a heartbeat or completion after expiry is not accepted", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    passTime(45_000);
    await expectRefused(t, "lease_lost", async () => worker.complete(claimed));
    expect(await worker.heartbeat()).toBe(false);
    await expectRefused(t, "lease_lost", async () => worker.complete(claimed));
  });

  it("lease tokens are monotonic", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const generations = [];
    for (let round = 0; round < 6; round++) {
      const claimed = await worker.mustClaim();
      generations.push(claimed.generation);
      await worker.release(claimed);
      await worker.heartbeat();
      await runScheduled(t, 10_000);
    }
    expect(generations).toEqual(Array.from({ length: 6 }, (_, index) => index + 1));
  });

  it("the caller's clock cannot release live leases", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    // As a caller would send it that does not care for types.
    const argsWithClock = JSON.parse(`{ "nowMs": ${Date.now() + 3_600_000} }`) as Record<string, never>;
    await expect(t.action(async (ctx) => await ctx.runMutation(lib.releaseStuckJobs, argsWithClock))).rejects.toThrow(
      /nowMs/,
    );
    expect(await worker.complete(claimed)).toBe(true);
  });

  it("the same Telegram message is not enqueued twice", async () => {
    const t = await startWithAgent();
    const update = { externalMessageId: "update:7", payload: { provider: "telegram", providerUserId: "1" } };
    const ids = await Promise.all([enqueue(t, "c", "hi", update), enqueue(t, "c", "hi", update)]);
    expect(new Set(ids).size).toBe(1);
    expect(await queueStats(t)).toMatchObject({ queued: 1 });
  });

  it("no heartbeat rewrites the history", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await giveHistory(t, 500);
    await enqueue(t, "c");
    await worker.mustClaim();
    const used = await t.mutation(async (ctx) => {
      await ctx.runMutation(lib.heartbeat, worker.credentials);
      return await ctx.meta.getTransactionMetrics();
    });
    expect(used.documentsWritten.used).toBe(1);
    expect(used.bytesWritten.used).toBeLessThan(1_024);
    expect(used.bytesRead.used).toBeLessThan(4_096);
  });

  it("no conversation stops at about 2,400 messages", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 600_000 } });
    await giveHistory(t, 2_500);
    await enqueue(t, "c", "and now?");
    const claimed = await worker.mustClaim();
    const bundle = await worker.hydrate(claimed);
    expect(bundle.conversationState.contextHistory).toHaveLength(50);
    expect(bundle.conversationState.contextHistory.at(-1)).toMatchObject({ content: "answer 2499" });
    const { messageId, leaseId, generation } = claimed;
    const args = { ...worker.credentials, messageId, leaseId, generation, reply: "on it goes" };
    const used = await t.mutation(async (ctx) => {
      await ctx.runMutation(lib.complete, args);
      return await ctx.meta.getTransactionMetrics();
    });
    expect(used.bytesRead.used).toBeLessThan(16_384);
    expect(used.bytesWritten.used).toBeLessThan(16_384);
  });

  it("no limit breaks the transaction limits: a larger one is refused, a page of large rows is shorter", async () => {
    const t = await startWithAgent();
    for (let index = 0; index < 120; index++) {
      await enqueue(t, "c", "x".repeat(128 * 1024), { payload: { rawUpdateJson: "x".repeat(64 * 1024) } });
    }
    const list = async (limit: number) =>
      await t.action(async (ctx) => await ctx.runQuery(lib.listJobsByStatus, { status: "queued", limit }));
    const items = async (limit: number) =>
      await t.action(
        async (ctx) => await ctx.runQuery(lib.listQueueItemsForConversation, { conversationId: "c", limit }),
      );
    for (const limit of [0, 201, 1e9, 0.5, NaN]) {
      await expectRefusedLimit(list(limit));
      await expectRefusedLimit(items(limit));
    }
    for (const page of [await list(200), await items(200)]) {
      expect(page.length).toBeGreaterThan(5);
      expect(page.length).toBeLessThan(120);
    }
  });
});

async function expectRefusedLimit(call: Promise<unknown>): Promise<void> {
  await expect(call).rejects.toMatchObject({ data: { kind: "invalid_argument", argument: "limit" } });
}
