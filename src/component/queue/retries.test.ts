import { describe, expect, it } from "vitest";
import { FREE_RELEASES } from "./release.js";
import type { Usage } from "../../shared/payload.js";
import {
  enqueue,
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

async function firstMessage(t: Harness) {
  const [message] = (await snapshotOfAllTables(t)).messages ?? [];
  if (message === undefined) throw new Error("no message");
  return message;
}

async function transcriptOf(t: Harness) {
  return ((await snapshotOfAllTables(t)).transcript ?? []).map(({ role, content }) => [role, content]);
}

describe("a failed attempt", () => {
  useFakeClock();

  it("puts the message back with its error, to be tried again after a backoff", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const outcome = await worker.fail(await worker.mustClaim(), "The model is overloaded.");
    const delay = (outcome.nextScheduledFor ?? 0) - Date.now();
    expect(outcome).toMatchObject({ requeued: true, deadLettered: false });
    expect(delay).toBeGreaterThanOrEqual(900);
    expect(delay).toBeLessThanOrEqual(1_100);
    expect(await firstMessage(t)).toMatchObject({
      status: "queued",
      attempts: 1,
      lastError: "The model is overloaded.",
      scheduledFor: outcome.nextScheduledFor,
    });
    expect(await worker.claim()).toBeNull();
    await runScheduled(t, delay);
    expect(await worker.mustClaim()).toMatchObject({ attempt: 2, generation: 2 });
  });

  it("waits longer each time, and ends as a dead letter after the last", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 600_000 } });
    await enqueue(t, "c", "hello?", { maxAttempts: 4 });
    const delays: number[] = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      const { nextScheduledFor } = await worker.fail(await worker.mustClaim(), `error ${attempt}`);
      delays.push((nextScheduledFor ?? 0) - Date.now());
      await runScheduled(t, delays.at(-1) ?? 0);
    }
    expect(delays.map((delay) => Math.round(delay / 1_000))).toEqual([1, 2, 4]);
    expect(await worker.fail(await worker.mustClaim(), "error 4")).toEqual({
      requeued: false,
      deadLettered: true,
      nextScheduledFor: null,
    });
    expect(await firstMessage(t)).toMatchObject({ status: "dead_letter", attempts: 4, lastError: "error 4" });
    expect(await transcriptOf(t)).toEqual([
      ["user", "hello?"],
      ["system", "This message could not be answered: error 4"],
    ]);
    await runScheduled(t, 600_000);
    expect(await queueStats(t)).toMatchObject({ queuedReady: 0, queued: 0, processing: 0, done: 0, deadLetter: 1 });
  });

  it("that is not worth repeating ends as a dead letter at once", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    expect(await worker.fail(await worker.mustClaim(), "The key is not valid.", false)).toMatchObject({
      deadLettered: true,
    });
    expect(await firstMessage(t)).toMatchObject({ status: "dead_letter", attempts: 1 });
  });

  it("lets the next message of the conversation go on when it was the last one", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "bad", { maxAttempts: 1 });
    await enqueue(t, "c", "good");
    await worker.fail(await worker.mustClaim());
    expect(await worker.mustClaim()).toMatchObject({ payload: { messageText: "good" } });
  });

  it("keeps an error to the length of a sentence, whole characters only", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.fail(await worker.mustClaim(), `${"x".repeat(999)}\u{1F600} and so on`);
    expect(await firstMessage(t)).toMatchObject({ lastError: "x".repeat(999) });
  });
});

describe("attempts", () => {
  useFakeClock();

  it("are not counted for a turn that was given back before it began", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "hi", { maxAttempts: 1 });
    for (let round = 0; round < FREE_RELEASES; round++) {
      const claimed = await worker.mustClaim();
      expect(claimed.attempt).toBe(1);
      await worker.release(claimed);
      expect(await firstMessage(t)).toMatchObject({ status: "queued", attempts: 0, scheduledFor: Date.now() });
    }
  });

  it("are not counted for one that is given back again and again either, which waits longer each time", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 3_600_000 } });
    await enqueue(t, "c");
    const waits = [];
    for (let round = 0; round < FREE_RELEASES + 10; round++) {
      await worker.release(await worker.mustClaim());
      const { scheduledFor, attempts } = await firstMessage(t);
      expect(attempts).toBe(0);
      const wait = Number(scheduledFor) - Date.now();
      if (wait > 0) expect(await worker.claim()).toBeNull();
      waits.push(wait);
      await runScheduled(t, wait);
    }
    expect(waits.slice(0, FREE_RELEASES)).toEqual([0, 0]);
    const rest = waits.slice(FREE_RELEASES);
    expect(rest[0]).toBeGreaterThanOrEqual(900);
    expect(rest.at(-1)).toBeGreaterThan(100_000);
    expect(Math.max(...rest)).toBeLessThanOrEqual(132_000);
    // Once it has begun and failed, giving back starts at nothing again.
    await worker.fail(await worker.mustClaim());
    await runScheduled(t, 10_000);
    await worker.release(await worker.mustClaim());
    expect(await firstMessage(t)).toMatchObject({ scheduledFor: Date.now(), attempts: 1 });
  });

  it("are counted once when the worker dies, and the message is taken back with what happened", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.mustClaim();
    passTime(45_000);
    await sweep(t);
    await sweep(t);
    expect(await firstMessage(t)).toMatchObject({
      status: "queued",
      attempts: 1,
      lastError: "The worker that ran this message was lost.",
    });
  });

  it("end for a message that kills its workers", async () => {
    const t = await startWithAgent();
    await enqueue(t, "c", "poison", { maxAttempts: 3 });
    await enqueue(t, "c", "innocent");
    for (let death = 1; death <= 3; death++) {
      const worker = await startWorker(t);
      expect(await worker.mustClaim()).toMatchObject({ attempt: death, payload: { messageText: "poison" } });
      passTime(45_000);
      await sweep(t);
      await runScheduled(t, 120_000);
    }
    expect(await firstMessage(t)).toMatchObject({ status: "dead_letter", attempts: 3 });
    expect(await (await startWorker(t)).mustClaim()).toMatchObject({ payload: { messageText: "innocent" } });
  });

  it("are not counted for claims that came away empty", async () => {
    const t = await startWithAgent();
    const workers = await Promise.all([startWorker(t), startWorker(t), startWorker(t)]);
    await enqueue(t, "c");
    await Promise.all(workers.map(async (worker) => await worker.claim()));
    expect(await firstMessage(t)).toMatchObject({ attempts: 1, status: "processing" });
  });
});

describe("completing", () => {
  useFakeClock();

  it("twice with the same result gets the same answer and changes nothing", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    const usage = { inputTokens: 1, outputTokens: 2, costUsd: 0.01 };
    expect(await worker.complete(claimed, "hello", { usage })).toBe(true);
    const before = await snapshotOfAllTables(t);
    expect(await worker.complete(claimed, "hello", { usage })).toBe(true);
    passTime(3_600_000);
    await worker.heartbeat();
    expect(await worker.complete(claimed, "hello", { usage })).toBe(true);
    expect((await snapshotOfAllTables(t)).messages).toEqual(before.messages);
    expect((await snapshotOfAllTables(t)).transcript).toEqual(before.transcript);
    expect(before.messages).toMatchObject([{ status: "done", usage }]);
  });

  const changes: [string, { reply?: string; usage?: Usage; snapshotId?: string }][] = [
    ["reply", { reply: "another" }],
    ["usage", { usage: { inputTokens: 9, outputTokens: 9 } }],
    ["snapshot", { snapshotId: "another" }],
  ];
  for (const [what, change] of changes) {
    it(`again with another ${what} is refused`, async () => {
      const t = await startWithAgent();
      const worker = await startWorker(t);
      await enqueue(t, "c");
      const { messageId, leaseId, generation } = await worker.mustClaim();
      const claimed = { messageId, leaseId, generation };
      await worker.complete(claimed, "hello");
      const before = await snapshotOfAllTables(t);
      const args = { reply: "hello", ...worker.credentials, ...claimed, ...change };
      await expect(t.action(async (ctx) => await ctx.runMutation(lib.complete, args))).rejects.toMatchObject({
        data: { kind: "already_completed" },
      });
      expect(await snapshotOfAllTables(t)).toEqual(before);
    });
  }

  it("with a reply that is too long is refused, and the turn goes on", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    await expect(worker.complete(claimed, "x".repeat(128 * 1024 + 1))).rejects.toMatchObject({
      data: { kind: "output_too_large", argument: "reply" },
    });
    expect(await worker.complete(claimed, "shorter")).toBe(true);
  });

  it("by an attempt that was given up is refused although the message is done by now", async () => {
    const t = await startWithAgent();
    const [slow, quick] = [await startWorker(t), await startWorker(t)];
    await enqueue(t, "c");
    const lost = await slow.mustClaim();
    passTime(45_000);
    await quick.heartbeat();
    await sweep(t);
    await runScheduled(t, 2_000);
    await quick.complete(await quick.mustClaim(), "the answer");
    await slow.heartbeat();
    await expect(slow.complete(lost, "the answer")).rejects.toMatchObject({ data: { kind: "lease_lost" } });
    expect(await transcriptOf(t)).toEqual([
      ["user", "hi"],
      ["assistant", "the answer"],
    ]);
  });
});
