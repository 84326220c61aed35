/** What a suspended worker may do: nothing, until it is wanted; then its next call wakes it. */
import { describe, expect, it } from "vitest";
import { enqueue, expectRefused, inComponent, passTime, runScheduled, startWithAgent } from "../setup.test-kit.js";
import { useFakeClock, type Harness } from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { findWorker } from "./authenticate.js";
import { moveWorker } from "./fleet.js";
import { keepAwake, recordResume, recordSuspend } from "./suspension.js";

const HOUR = 60 * 60_000;
const asking = { retryAfterMs: () => 5_000 };

async function startSuspended(t: Harness) {
  const worker = await startWorker(t);
  await enqueue(t, "c");
  await worker.complete(await worker.mustClaim());
  await inComponent(t, async (ctx) => await recordSuspend(ctx, worker.workerId, { ...asking, reason: "Idle." }));
  return worker;
}

async function resume(t: Harness, workerId: string): Promise<number> {
  return await inComponent(t, async (ctx) => await recordResume(ctx, workerId, { ...asking, reason: "Wanted." }));
}

async function rowOf(t: Harness, workerId: string) {
  return await inComponent(t, async (ctx) => await findWorker(ctx, workerId));
}

describe("a suspended worker", () => {
  useFakeClock();

  it("claims nothing, is shown nothing, and is not told to go", async () => {
    const t = await startWithAgent();
    const worker = await startSuspended(t);
    await enqueue(t, "c");
    expect(await worker.claim()).toBeNull();
    expect(await worker.inbox()).toEqual({ state: "run", work: null, leaseIds: [] });
    expect(await worker.heartbeat()).toBe(true);
    expect(await worker.controlState()).toEqual({ shouldStop: false });
    expect(await rowOf(t, worker.workerId)).toMatchObject({ status: "suspended" });
  });

  it("leaves its conversation to others: nothing is reserved for it", async () => {
    const t = await startWithAgent();
    const worker = await startSuspended(t);
    await enqueue(t, "c");
    const other = await startWorker(t);
    expect(await other.claim()).toMatchObject({ conversationId: "c" });
    await resume(t, worker.workerId);
    expect(await worker.claim()).toBeNull();
  });

  it("that is wanted wakes up with its claim, also long after its token and its lease have run out", async () => {
    const t = await startWithAgent();
    const worker = await startSuspended(t);
    passTime(40 * HOUR);
    await enqueue(t, "c");
    await expectRefused(t, "worker_rejected", async () => await worker.claim());
    await resume(t, worker.workerId);
    expect((await worker.inbox()).work).not.toBeNull();
    const claimed = await worker.mustClaim();
    expect(await rowOf(t, worker.workerId)).toMatchObject({ status: "active", lastActiveAt: Date.now() });
    expect(await worker.complete(claimed)).toBe(true);
    await worker.rotate("n".repeat(43));
  });

  it("that is wanted wakes up with its heartbeat, which tells it to look for work", async () => {
    const t = await startWithAgent();
    const worker = await startSuspended(t);
    await resume(t, worker.workerId);
    expect(await worker.heartbeat()).toBe(false);
    expect(await worker.heartbeat()).toBe(true);
    expect(await rowOf(t, worker.workerId)).toMatchObject({ status: "active" });
  });

  it("gets another ticket than the one it may have spent when it was just being suspended", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const { work } = await worker.inbox();
    await inComponent(t, async (ctx) => await recordSuspend(ctx, worker.workerId, { ...asking, reason: "Idle." }));
    expect(await worker.claim()).toBeNull();
    await resume(t, worker.workerId);
    const again = await worker.inbox();
    expect(again.work).not.toBeNull();
    expect(again.work).not.toBe(work);
  });

  it("does not wake up by an old lease: what it held before stays lost", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    // The plan suspends no worker with a lease; should it ever, the lease is taken back in the same transaction.
    await inComponent(t, async (ctx) => await recordSuspend(ctx, worker.workerId, { ...asking, reason: "A mistake." }));
    await resume(t, worker.workerId);
    await worker.heartbeat();
    await expectRefused(t, "lease_lost", async () => await worker.complete(claimed));
    await runScheduled(t, 10_000);
    expect(await worker.claim()).toMatchObject({ attempt: 2 });
  });

  it("counts what is asked of its provider anew for each direction, and once it is up not at all", async () => {
    const t = await startWithAgent();
    const { workerId, heartbeat } = await startSuspended(t);
    const suspendAgain = async () =>
      await inComponent(t, async (ctx) => await recordSuspend(ctx, workerId, { ...asking, reason: "Again." }));
    expect(await suspendAgain()).toBe(2);
    expect(await resume(t, workerId)).toBe(1);
    const wokenAt = (await rowOf(t, workerId))?.wakeRequestedAt;
    passTime(5_000);
    expect(await resume(t, workerId)).toBe(2);
    expect((await rowOf(t, workerId))?.wakeRequestedAt).toBe(wokenAt);
    await heartbeat();
    const row = await rowOf(t, workerId);
    expect(row).not.toHaveProperty("powerAt");
    expect(row).not.toHaveProperty("wakeRequestedAt");
    expect(await resume(t, workerId)).toBe(0);
  });

  it("goes on as before when its machine cannot be suspended, and is not asked again", async () => {
    const t = await startWithAgent();
    const worker = await startSuspended(t);
    await inComponent(t, async (ctx) => await keepAwake(ctx, worker.workerId, "The provider does not do that."));
    expect(await rowOf(t, worker.workerId)).toMatchObject({ status: "active", cannotSuspend: true });
    await enqueue(t, "c");
    expect(await worker.claim()).not.toBeNull();
  });

  it("that is fenced or goes is refused like any other", async () => {
    const t = await startWithAgent();
    const worker = await startSuspended(t);
    await resume(t, worker.workerId);
    await inComponent(t, async (ctx) => await moveWorker(ctx, worker.workerId, "lost", "It did not come back."));
    await expectRefused(t, "worker_rejected", async () => await worker.claim());
    expect((await worker.inbox()).state).toBe("stop");
  });
});
