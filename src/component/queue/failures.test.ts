import { describe, expect, it } from "vitest";
import { FAILURE_KINDS, MAX_ATTEMPT_ERRORS, type FailureKind } from "../../shared/failure.js";
import {
  configureAgent,
  enqueue,
  expectRefused,
  lib,
  queueStats,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";

const patient = { policy: { leaseDurationMs: 3_600_000, runTimeoutMs: 3_600_000 } };

async function firstMessage(t: Harness) {
  const [message] = (await snapshotOfAllTables(t)).messages ?? [];
  if (message === undefined) throw new Error("no message");
  return message;
}

describe("the kind of a failure", () => {
  useFakeClock();

  for (const [kind, { retryable }] of Object.entries(FAILURE_KINDS) as [FailureKind, { retryable: boolean }][]) {
    it(`${kind} ${retryable ? "is tried again" : "ends the message at once"}`, async () => {
      const t = await startWithAgent();
      const worker = await startWorker(t);
      await enqueue(t, "c");
      const outcome = await worker.failAs(await worker.mustClaim(), kind);
      expect(outcome).toMatchObject({ requeued: retryable, deadLettered: !retryable });
      expect(await firstMessage(t)).toMatchObject({ errors: [{ kind, attempt: 1, message: `It was ${kind}.` }] });
    });
  }

  it("is remembered for each attempt, with the newest ones when there were many", async () => {
    const t = await startWithAgent({ backoff: { baseMs: 1, factor: 1, capMs: 1, jitter: 0 } });
    const worker = await startWorker(t, patient);
    await enqueue(t, "c", "hi", { maxAttempts: 20 });
    for (let attempt = 1; attempt <= 20; attempt++) {
      await worker.failAs(await worker.mustClaim(), attempt % 2 === 0 ? "overloaded" : "timeout");
      await runScheduled(t, 10);
    }
    const { status, errors } = await firstMessage(t);
    expect(status).toBe("dead_letter");
    expect(errors).toHaveLength(MAX_ATTEMPT_ERRORS);
    expect(errors).toMatchObject(
      Array.from({ length: MAX_ATTEMPT_ERRORS }, (_, index) => ({
        attempt: 11 + index,
        kind: (11 + index) % 2 === 0 ? "overloaded" : "timeout",
      })),
    );
    const [job] = await t.action(async (ctx) => await ctx.runQuery(lib.listJobsByStatus, { status: "dead_letter" }));
    expect(job?.errors).toHaveLength(MAX_ATTEMPT_ERRORS);
  });

  it("is that of the worker or of the deadline when nobody reported any", async () => {
    const t = await startWithAgent();
    await enqueue(t, "c");
    await (await startWorker(t)).mustClaim();
    await runScheduled(t, 60_000);
    expect(await firstMessage(t)).toMatchObject({ errors: [{ kind: "worker_lost", attempt: 1 }] });
    await runScheduled(t, 2_000);
    const slow = await startWorker(t, { policy: { leaseDurationMs: 3_600_000, runTimeoutMs: 10_000 } });
    await slow.mustClaim();
    await runScheduled(t, 30_000);
    expect(await firstMessage(t)).toMatchObject({ errors: [{ kind: "worker_lost" }, { kind: "timeout", attempt: 2 }] });
  });
});

describe("the wait before the next try", () => {
  useFakeClock();

  it("is the provider's when that is longer, and never more than a day", async () => {
    for (const [retryAfterMs, least, most] of [
      [30_000, 30_000, 30_000],
      [10, 900, 1_100],
      [10 * 24 * 3_600_000, 24 * 3_600_000, 24 * 3_600_000],
    ] as const) {
      const t = await startWithAgent();
      const worker = await startWorker(t);
      await enqueue(t, "c");
      const { nextScheduledFor } = await worker.failAs(await worker.mustClaim(), "rate_limited", { retryAfterMs });
      const wait = (nextScheduledFor ?? 0) - Date.now();
      expect(wait).toBeGreaterThanOrEqual(least);
      expect(wait).toBeLessThanOrEqual(most);
    }
  });

  it("and the number of tries are the agent's own", async () => {
    const t = await startWithAgent({ maxAttempts: 2, backoff: { baseMs: 5_000, factor: 3, capMs: 60_000, jitter: 0 } });
    const worker = await startWorker(t, patient);
    await enqueue(t, "c");
    const { nextScheduledFor } = await worker.failAs(await worker.mustClaim(), "overloaded");
    expect(nextScheduledFor).toBe(Date.now() + 5_000);
    await runScheduled(t, 5_000);
    expect(await worker.failAs(await worker.mustClaim(), "overloaded")).toMatchObject({ deadLettered: true });
    expect(await queueStats(t)).toMatchObject({ deadLetter: 1 });
  });

  it.each([
    [{ maxAttempts: 0 }, /queuePolicy.maxAttempts must be a whole number from 1 to 100/],
    [{ maxConcurrent: 0 }, /queuePolicy.maxConcurrent/],
    [{ maxQueuedPerConversation: 10_001 }, /queuePolicy.maxQueuedPerConversation/],
    [{ backoff: { baseMs: 0, factor: 2, capMs: 1, jitter: 0 } }, /queuePolicy.backoff.baseMs/],
    [{ backoff: { baseMs: 1, factor: 0.5, capMs: 1, jitter: 0 } }, /queuePolicy.backoff.factor/],
    [{ backoff: { baseMs: 1, factor: 2, capMs: 1, jitter: 1 } }, /queuePolicy.backoff.jitter/],
    [{ backoff: { baseMs: 1, factor: Number.NaN, capMs: 1, jitter: 0 } }, /queuePolicy.backoff.factor/],
  ])("cannot be configured to %j", async (queuePolicy, message) => {
    const t = await startWithAgent();
    const refused = await expectRefused(t, "invalid_argument", async () => configureAgent(t, "a", true, queuePolicy));
    expect(refused).toMatch(message);
  });
});

describe("a claim whose answer was lost", () => {
  useFakeClock();

  it("is answered again, with the same lease and no attempt more", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const lost = await worker.mustClaim();
    expect(await worker.claim()).toBeNull();
    expect(await worker.claim(undefined, [lost.leaseId])).toBeNull();
    const again = await worker.claim(undefined, []);
    expect(again).toEqual(lost);
    expect(await worker.complete(lost)).toBe(true);
    expect(await worker.claim(undefined, [])).toBeNull();
  });

  it("gives a worker of several conversations what it forgot, then something new", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 3 } });
    for (const conversation of ["c1", "c2"]) await enqueue(t, conversation);
    const known = await worker.mustClaim("c1");
    const lost = await worker.claim(undefined, [known.leaseId]);
    expect(lost?.conversationId).toBe("c2");
    expect(await worker.claim(undefined, [known.leaseId])).toEqual(lost);
    await enqueue(t, "c3");
    expect(await worker.claim(undefined, [known.leaseId, lost?.leaseId ?? ""])).toMatchObject({ conversationId: "c3" });
  });

  it("is not answered with a lease that has died", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { runTimeoutMs: 10_000 } });
    await enqueue(t, "c");
    await worker.mustClaim();
    await worker.heartbeat();
    await runScheduled(t, 0);
    const before = (await snapshotOfAllTables(t)).leases;
    expect(before).toHaveLength(1);
    await worker.heartbeat();
    const { leases } = await snapshotOfAllTables(t);
    expect(leases).toEqual(before);
    await runScheduled(t, 10_000);
    expect(await worker.claim(undefined, [])).toBeNull();
  });
});
