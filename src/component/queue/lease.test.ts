import { describe, expect, it } from "vitest";
import {
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
import { startWorker, type StartedWorker } from "../worker.test-kit.js";
import { moveWorker } from "../workers/fleet.js";

const LEASE_MS = 45_000;

async function running(t: Harness, policy = {}) {
  const worker = await startWorker(t, { policy: { leaseDurationMs: LEASE_MS, ...policy } });
  await enqueue(t, "c");
  return { worker, claimed: await worker.mustClaim() };
}

/** Every call that acts on a claimed message. */
function callsOn(worker: StartedWorker, claimed: Parameters<StartedWorker["complete"]>[0]) {
  return {
    complete: async () => await worker.complete(claimed),
    fail: async () => await worker.fail(claimed),
    release: async () => await worker.release(claimed),
    appendTurnDelta: async () => await worker.stream(claimed, 0, "late"),
    appendConversationMessages: async () => await worker.append(claimed, [{ role: "tool", content: "late" }]),
    getHydrationBundle: async () => await worker.hydrate(claimed),
    getLatestDataSnapshotForRestore: async () => await worker.latestSnapshot(claimed),
    prepareDataSnapshotUpload: async () =>
      await worker.prepareUpload({
        conversationId: "c",
        generation: claimed.generation,
        reason: "checkpoint",
      }),
  };
}

async function expectAllRefused(t: Harness, worker: StartedWorker, claimed: Parameters<StartedWorker["complete"]>[0]) {
  for (const [name, call] of Object.entries(callsOn(worker, claimed))) {
    expect(await expectRefused(t, "lease_lost", call), name).toMatch(/Discard/);
  }
}

describe("a lease", () => {
  useFakeClock();

  it("is alive up to the last millisecond before its deadline", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    passTime(LEASE_MS - 1);
    expect(await worker.complete(claimed)).toBe(true);
  });

  it("is over at its deadline, although nobody has noticed yet", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    passTime(LEASE_MS);
    await expectAllRefused(t, worker, claimed);
    expect(await queueStats(t)).toMatchObject({ processing: 1 });
  });

  it("lives on with its worker's heartbeat", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    for (let beats = 0; beats < 5; beats++) {
      passTime(LEASE_MS - 1);
      expect(await worker.heartbeat()).toBe(true);
    }
    passTime(LEASE_MS - 1);
    expect(await worker.complete(claimed)).toBe(true);
  });

  it("is not revived by a heartbeat that comes at its deadline", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    passTime(LEASE_MS);
    expect(await worker.heartbeat()).toBe(false);
    await expectAllRefused(t, worker, claimed);
    expect(await queueStats(t)).toMatchObject({ processing: 0, queued: 1 });
  });

  it("ends at the run's deadline, whatever its heartbeats say", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t, { runTimeoutMs: 100_000 });
    passTime(40_000);
    await worker.heartbeat();
    passTime(40_000);
    await worker.heartbeat();
    passTime(19_999);
    expect(await worker.heartbeat()).toBe(true);
    expect((await worker.inbox()).leaseIds).toEqual([claimed.leaseId]);
    await worker.stream(claimed, 0, "in time");
    passTime(1);
    await expectAllRefused(t, worker, claimed);
    await sweep(t);
    expect(await queueStats(t)).toMatchObject({ processing: 0, queued: 1 });
    const [message] = (await snapshotOfAllTables(t)).messages ?? [];
    expect(message).toMatchObject({ status: "queued", lastError: "The turn took longer than its deadline." });
  });

  it("is not shortened by a heartbeat", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await worker.heartbeat();
    passTime(LEASE_MS - 1);
    expect(await worker.complete(claimed)).toBe(true);
  });

  it("of a generation that is not the claimed one is nobody's", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    for (const generation of [claimed.generation - 1, claimed.generation + 1, NaN]) {
      await expectAllRefused(t, worker, { ...claimed, generation });
    }
  });

  it("is not another worker's, nor another message's", async () => {
    const t = await startWithAgent();
    const { claimed, worker } = await running(t);
    const other = await startWorker(t);
    const messageId = await enqueue(t, "d");
    await expectAllRefused(t, other, claimed);
    for (const wrong of [{ messageId }, { leaseId: "no such lease" }, { leaseId: messageId }]) {
      const { prepareDataSnapshotUpload: _, ...calls } = callsOn(worker, { ...claimed, ...wrong });
      for (const call of Object.values(calls)) await expectRefused(t, "lease_lost", call);
    }
  });

  it("is over once it was ended, for every other call", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await worker.release(claimed);
    await expectAllRefused(t, worker, claimed);
  });

  it("of a worker that was fenced is worth nothing, whatever the worker still holds", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await inComponent(t, async (ctx) => await moveWorker(ctx, worker.workerId, "lost", "Its machine is gone."));
    expect(await queueStats(t)).toMatchObject({ processing: 0, queued: 1 });
    for (const call of Object.values(callsOn(worker, claimed))) await expectRefused(t, "worker_rejected", call);
    await expectRefused(t, "worker_rejected", worker.heartbeat);
    await expectRefused(t, "worker_rejected", worker.claim);
  });
});

describe("after a lapse", () => {
  useFakeClock();

  it("a worker starts a new epoch: what it claims then is its own", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    passTime(LEASE_MS);
    expect(await worker.heartbeat()).toBe(false);
    await runScheduled(t, 2_000);
    const again = await worker.mustClaim();
    expect(again).toMatchObject({ messageId: claimed.messageId, generation: 2, attempt: 2 });
    await expectAllRefused(t, worker, claimed);
    const { leaseHolders, leases } = await snapshotOfAllTables(t);
    expect(leaseHolders).toMatchObject([{ epoch: 2 }]);
    expect(leases).toMatchObject([{ holderEpoch: 2 }]);
    expect(await worker.complete(again)).toBe(true);
  });

  it("the sweep changes nothing about a worker's next life", async () => {
    const t = await startWithAgent();
    const { worker } = await running(t);
    passTime(LEASE_MS);
    await worker.heartbeat();
    await runScheduled(t, 2_000);
    const again = await worker.mustClaim();
    await sweep(t);
    expect(await worker.complete(again)).toBe(true);
  });

  it("the sweep does not count a silent worker among the living again", async () => {
    const t = await startWithAgent();
    await running(t);
    passTime(LEASE_MS);
    await sweep(t);
    const { leaseHolders, leases } = await snapshotOfAllTables(t);
    expect(leaseHolders).toMatchObject([{ state: "lapsed", epoch: 1 }]);
    expect(leases).toEqual([]);
    const before = await snapshotOfAllTables(t);
    await sweep(t);
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });
});

describe("a completion that was accepted", () => {
  useFakeClock();

  it("is repeated for the worker that made it, and for no other one", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await worker.complete(claimed, "ok");
    expect(await worker.complete(claimed, "ok")).toBe(true);
    const other = await startWorker(t);
    await expectRefused(t, "lease_lost", async () => other.complete(claimed, "ok"));
    await expectRefused(t, "already_completed", async () => worker.complete(claimed, "another"));
  });
});

describe("recovery and a late completion", () => {
  useFakeClock();

  for (const first of ["recovery", "completion"] as const) {
    it(`have one winner when ${first} comes first`, async () => {
      const t = await startWithAgent();
      const { worker, claimed } = await running(t);
      passTime(first === "recovery" ? LEASE_MS : LEASE_MS - 1);
      const recover = async () => await t.action(async (ctx) => await ctx.runMutation(lib.releaseStuckJobs, {}));
      if (first === "recovery") {
        expect(await recover()).toEqual({ requeued: 1, unlocked: 1 });
        await expectRefused(t, "lease_lost", async () => worker.complete(claimed));
        expect(await queueStats(t)).toMatchObject({ queued: 1, processing: 0, done: 0 });
      } else {
        await worker.complete(claimed);
        passTime(1);
        expect(await recover()).toEqual({ requeued: 0, unlocked: 0 });
        expect(await queueStats(t)).toMatchObject({ queued: 0, processing: 0, done: 1 });
      }
    });
  }

  it("have one winner when they come together", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    passTime(LEASE_MS);
    const [completed] = await Promise.allSettled([
      worker.complete(claimed),
      t.action(async (ctx) => await ctx.runMutation(lib.releaseStuckJobs, {})),
    ]);
    expect(completed.status).toBe("rejected");
    expect(await queueStats(t)).toMatchObject({ queued: 1, done: 0, processing: 0 });
  });
});
