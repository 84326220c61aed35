import { describe, expect, it } from "vitest";
import {
  bindUser,
  configureAgent,
  enqueue,
  inComponent,
  passTime,
  queueStats,
  runScheduled,
  scheduledFunctions,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { findLane } from "./head.js";

async function lane(t: Harness, conversationId = "c") {
  return await inComponent(t, async (ctx) => await findLane(ctx, conversationId));
}

async function message(t: Harness, messageId: string) {
  return await inComponent(t, async (ctx) => {
    const id = ctx.db.normalizeId("messages", messageId);
    return id === null ? null : await ctx.db.get("messages", id);
  });
}

describe("an accepted message", () => {
  useFakeClock();

  it("makes a new conversation ready, for any worker", async () => {
    const t = await startWithAgent();
    const messageId = await enqueue(t, "c", "hello", { priority: 7, maxAttempts: 2 });
    expect(await message(t, messageId)).toMatchObject({
      conversationId: "c",
      agentKey: "a",
      sequence: 1,
      status: "queued",
      priority: 7,
      attempts: 0,
      maxAttempts: 2,
      scheduledFor: Date.now(),
    });
    expect(await lane(t)).toMatchObject({ state: "ready", audience: "any", queuedCount: 1, generation: 0 });
    expect(await queueStats(t)).toMatchObject({ queuedReady: 1, queued: 1, processing: 0, done: 0, deadLetter: 0 });
  });

  it("is tried five times unless it says otherwise", async () => {
    const t = await startWithAgent();
    expect(await message(t, await enqueue(t, "c"))).toMatchObject({ priority: 0, maxAttempts: 5 });
  });

  it("makes an idle conversation ready again, at the place of now", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.complete(await worker.mustClaim());
    expect(await lane(t)).toMatchObject({ state: "idle", queuedCount: 0 });
    passTime(60_000);
    await enqueue(t, "c");
    expect(await lane(t)).toMatchObject({ state: "ready", queuedCount: 1, rank: Date.now(), lastSequence: 2 });
  });

  it("lines up behind a ready head without moving its conversation", async () => {
    const t = await startWithAgent();
    await enqueue(t, "c");
    const before = await lane(t);
    passTime(5_000);
    await enqueue(t, "c", "second", { priority: 100 });
    expect(await lane(t)).toEqual({ ...before, queuedCount: 2, lastSequence: 2 });
    expect(await queueStats(t)).toMatchObject({ queuedReady: 1, queued: 2 });
  });

  it("lines up behind a running one", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.mustClaim();
    await enqueue(t, "c", "second");
    expect(await lane(t)).toMatchObject({ state: "leased", queuedCount: 1 });
    expect(await queueStats(t)).toMatchObject({ queuedReady: 0, queued: 1, processing: 1 });
  });

  it("gets the next place even when many come at the same moment", async () => {
    const t = await startWithAgent();
    const ids = await Promise.all(Array.from({ length: 20 }, async (_, index) => await enqueue(t, "c", `m${index}`)));
    const rows = await Promise.all(ids.map(async (id) => await message(t, id)));
    expect(rows.map((row) => row?.sequence).sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  });

  it("belongs to the user whose binding made the conversation, whoever sends it", async () => {
    const t = await startWithAgent();
    const conversationId = await bindUser(t, "ada");
    await enqueue(t, conversationId, "from an operator");
    expect(await lane(t, conversationId)).toMatchObject({ consumerUserId: "ada" });
  });
});

describe("a message for later", () => {
  useFakeClock();

  it("waits for its time and is then ready by itself", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "later", { scheduledFor: Date.now() + 60_000 });
    expect(await lane(t)).toMatchObject({ state: "delayed", wakeAt: Date.now() + 60_000 });
    expect(await worker.claim()).toBeNull();
    expect(await queueStats(t)).toMatchObject({ queuedReady: 0, queued: 1 });
    await runScheduled(t, 60_000);
    expect(await lane(t)).toMatchObject({ state: "ready" });
  });

  it("holds back what comes after it: a conversation keeps its order", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 600_000 } });
    const first = await enqueue(t, "c", "later", { scheduledFor: Date.now() + 60_000 });
    await enqueue(t, "c", "now");
    expect(await worker.claim()).toBeNull();
    await runScheduled(t, 60_000);
    expect(await worker.mustClaim()).toMatchObject({ messageId: first });
  });

  it("does not hold back other conversations", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "later", { scheduledFor: Date.now() + 60_000 });
    await enqueue(t, "d", "now");
    expect(await worker.mustClaim()).toMatchObject({ conversationId: "d" });
  });

  it("is due at once when its time has passed already", async () => {
    const t = await startWithAgent();
    const messageId = await enqueue(t, "c", "late", { scheduledFor: Date.now() - 1_000 });
    expect(await message(t, messageId)).toMatchObject({ scheduledFor: Date.now() });
    expect(await lane(t)).toMatchObject({ state: "ready" });
  });
});

describe("a burst of messages", () => {
  useFakeClock();

  async function reconciles(t: Harness) {
    return (await scheduledFunctions(t)).filter(({ name }) => name === "pool/internal:reconcile");
  }

  it("schedules one reconcile per window, however many messages come", async () => {
    const t = await startWithAgent();
    for (let index = 0; index < 50; index++) await enqueue(t, `c${index}`);
    const now = Date.now();
    // The first may have looked already when the others came; one more, a window later, is for all of them.
    expect(await reconciles(t)).toEqual([
      { name: "pool/internal:reconcile", at: now },
      { name: "pool/internal:reconcile", at: now + 2_000 },
    ]);
  });

  it("that lasts asks for no more than one reconcile in two seconds", async () => {
    const t = await startWithAgent();
    for (let index = 0; index < 100; index++) {
      await enqueue(t, `c${index}`);
      passTime(200);
    }
    expect((await reconciles(t)).length).toBeLessThanOrEqual(20 / 2 + 2);
  });

  it("of followers schedules nothing at all", async () => {
    const t = await startWithAgent();
    await enqueue(t, "c");
    const before = await scheduledFunctions(t);
    for (let index = 0; index < 10; index++) await enqueue(t, "c");
    expect(await scheduledFunctions(t)).toEqual(before);
  });

  it("is counted exactly, whichever counters it was spread over", async () => {
    const t = await startWithAgent();
    await configureAgent(t, "b");
    await Promise.all(Array.from({ length: 40 }, async (_, index) => await enqueue(t, `c${index % 10}`)));
    expect(await queueStats(t)).toMatchObject({ queuedReady: 10, queued: 40, processing: 0, done: 0, deadLetter: 0 });
  });
});
