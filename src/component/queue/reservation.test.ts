/** A conversation is kept for the worker that is being woken for it, and for nobody for longer than that takes. */
import { describe, expect, it } from "vitest";
import {
  enqueue,
  inComponent,
  passTime,
  startWithAgent,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { moveWorker } from "../workers/fleet.js";
import { recordResume } from "../workers/suspension.js";
import { findRequest } from "./capacity.js";
import { WARM_WORKER_GRACE_MS } from "./lane.js";
import { keepFor } from "./reservation.js";

/** A worker that has served "c" and sleeps, another that is up and anybody's, and a new message. */
async function startAsleep(t: Harness) {
  const own = await startWorker(t);
  await enqueue(t, "c");
  await own.complete(await own.mustClaim());
  await inComponent(t, async (ctx) => await moveWorker(ctx, own.workerId, "suspended", "It was idle."));
  const other = await startWorker(t);
  await enqueue(t, "c");
  return { own, other };
}

async function wake(t: Harness, workerId: string): Promise<void> {
  await inComponent(t, async (ctx) => {
    await recordResume(ctx, workerId, { reason: "It is wanted.", retryAfterMs: () => 5_000 });
    await keepFor(ctx, workerId, "c");
  });
}

async function laneOf(t: Harness) {
  const lanes = await inComponent(t, async (ctx) => await ctx.db.query("lanes").collect());
  return lanes.find(({ conversationId }) => conversationId === "c");
}

describe("a conversation whose worker is being woken", () => {
  useFakeClock();

  it("is not taken by a worker that is up", async () => {
    const t = await startWithAgent();
    const { own, other } = await startAsleep(t);
    await wake(t, own.workerId);
    expect(await other.claim()).toBeNull();
    expect(await other.claim("c")).toBeNull();
    expect((await other.inbox()).work).toBeNull();
    expect((await own.inbox()).work).not.toBeNull();
    expect(await own.mustClaim()).toMatchObject({ conversationId: "c" });
    expect(await laneOf(t)).toMatchObject({ audience: "any", state: "leased" });
  });

  it("is anybody's when the worker has not come back in time, and somebody is asked to come for it then", async () => {
    const t = await startWithAgent();
    const { own, other } = await startAsleep(t);
    await wake(t, own.workerId);
    const lane = await laneOf(t);
    const request = await inComponent(t, async (ctx) => await findRequest(ctx, "default"));
    expect(lane?.wakeAt).toBe(Date.now() + WARM_WORKER_GRACE_MS);
    expect(request?.scheduledAt).toBeLessThanOrEqual(lane?.wakeAt ?? 0);
    passTime(WARM_WORKER_GRACE_MS - 1);
    await sweep(t);
    expect(await other.claim()).toBeNull();
    passTime(1);
    await sweep(t);
    expect(await other.mustClaim()).toMatchObject({ conversationId: "c" });
  });

  it("keeps its place among those that wait", async () => {
    const t = await startWithAgent();
    const { own } = await startAsleep(t);
    const before = await laneOf(t);
    passTime(1_000);
    await wake(t, own.workerId);
    expect(await laneOf(t)).toMatchObject({ rank: before?.rank, readySince: before?.readySince });
  });

  it("is left alone when somebody has it already, or when it is kept for another", async () => {
    const t = await startWithAgent();
    const { own, other } = await startAsleep(t);
    const claim = await other.mustClaim();
    await wake(t, own.workerId);
    expect(await laneOf(t)).toMatchObject({ state: "leased", audience: "any" });
    await enqueue(t, "c");
    await other.complete(claim);
    expect(await laneOf(t)).toMatchObject({ state: "ready", audience: other.workerId });
    const kept = await laneOf(t);
    await inComponent(t, async (ctx) => await keepFor(ctx, own.workerId, "c"));
    expect(await laneOf(t)).toEqual(kept);
  });
});
