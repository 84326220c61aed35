import { describe, expect, it } from "vitest";
import {
  enqueue,
  expectRefused,
  inComponent,
  passTime,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker, type StartedWorker } from "../worker.test-kit.js";
import type { WorkerEvent } from "./lifecycle.js";
import { moveWorker } from "./fleet.js";

async function move(t: Harness, worker: StartedWorker, event: WorkerEvent) {
  await inComponent(t, async (ctx) => await moveWorker(ctx, worker.workerId, event, "A test wants it."));
}

describe("the inbox", () => {
  useFakeClock();

  it("of an idle worker is empty", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    expect(await worker.inbox()).toEqual({ state: "run", work: null, leaseIds: [] });
  });

  it("shows work to a worker that wants it, and a new ticket whenever there is something new", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 4 } });
    const tickets = new Set<string | null>();
    const look = async () => {
      const { work } = await worker.inbox();
      expect(tickets.has(work)).toBe(false);
      tickets.add(work);
    };
    await look();
    await enqueue(t, "c");
    await look();
    passTime(1);
    await enqueue(t, "d");
    await look();
    const claimed = await worker.mustClaim();
    await look();
    await worker.complete(claimed);
    await enqueue(t, "c", "again");
    await look();
    expect((await worker.inbox(false)).work).toBeNull();
  });

  it("shows a message that came back as something new", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const first = (await worker.inbox()).work;
    await worker.release(await worker.mustClaim());
    expect((await worker.inbox()).work).not.toBe(first);
    expect((await worker.inbox()).work).not.toBeNull();
  });

  it("does not change with followers, heartbeats or streams: it runs again for what matters only", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 2 } });
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    await enqueue(t, "d");
    const before = await worker.inbox();
    await worker.heartbeat();
    await worker.stream(claimed, 0, "hello");
    await enqueue(t, "d", "second");
    expect(await worker.inbox()).toEqual(before);
  });

  it("shows no work to a worker that is full", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    await enqueue(t, "d");
    expect(await worker.inbox()).toEqual({ state: "run", work: null, leaseIds: [claimed.leaseId] });
  });

  it("lists the leases it holds, until they end or are taken back", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 2 } });
    await enqueue(t, "c");
    await enqueue(t, "d");
    const [one, other] = [await worker.mustClaim(), await worker.mustClaim()];
    expect((await worker.inbox()).leaseIds.sort()).toEqual([one.leaseId, other.leaseId].sort());
    await worker.complete(one);
    expect((await worker.inbox()).leaseIds).toEqual([other.leaseId]);
    passTime(45_000);
    await sweep(t);
    expect((await worker.inbox()).leaseIds).toEqual([]);
  });

  it("tells a draining worker to drain, with what it still holds and nothing new", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 2 } });
    await enqueue(t, "c");
    await enqueue(t, "d");
    const claimed = await worker.mustClaim();
    await move(t, worker, "drain_requested");
    expect(await worker.inbox()).toEqual({ state: "drain", work: null, leaseIds: [claimed.leaseId] });
    expect(await worker.controlState()).toEqual({ shouldStop: true });
  });

  it("tells a worker that was given up to stop, and holds nothing for it", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.mustClaim();
    expect(await worker.controlState()).toEqual({ shouldStop: false });
    await move(t, worker, "lost");
    expect(await worker.inbox()).toEqual({ state: "stop", work: null, leaseIds: [] });
    await move(t, worker, "gone");
    expect(await worker.inbox()).toEqual({ state: "stop", work: null, leaseIds: [] });
    expect(await worker.controlState()).toEqual({ shouldStop: true });
  });
});

describe("a draining worker", () => {
  useFakeClock();

  it("claims nothing more but may finish, stream and give back what it has", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 4 } });
    for (const conversationId of ["c", "d", "e"]) await enqueue(t, conversationId);
    const [one, other] = [await worker.mustClaim(), await worker.mustClaim()];
    await move(t, worker, "drain_requested");
    expect(await worker.claim()).toBeNull();
    expect(await worker.heartbeat()).toBe(true);
    await worker.stream(one, 0, "hello");
    expect(await worker.complete(one)).toBe(true);
    expect(await worker.release(other)).toBe(true);
  });

  it("is stopping once it has drained, and can do nothing more", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await move(t, worker, "drain_requested");
    expect(await worker.drained()).toBeNull();
    const before = await snapshotOfAllTables(t);
    passTime(1_000);
    expect(await worker.drained()).toBeNull();
    expect(await snapshotOfAllTables(t)).toEqual(before);
    expect((await worker.inbox()).state).toBe("stop");
    await expectRefused(t, "worker_rejected", worker.claim);
    await expectRefused(t, "worker_rejected", worker.heartbeat);
  });

  it("that leaves with a message in its hands gives it back at once", async () => {
    const t = await startWithAgent();
    const [worker, other] = [await startWorker(t), await startWorker(t)];
    await enqueue(t, "c");
    await worker.mustClaim();
    await worker.drained();
    await runScheduled(t, 2_000);
    expect(await other.mustClaim()).toMatchObject({ conversationId: "c", attempt: 2 });
  });

  it("may leave on its own account, without having been asked", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await worker.drained();
    expect((await worker.inbox()).state).toBe("stop");
  });

  it("does not keep the next message of its last conversation: others may take it at once", async () => {
    for (const end of ["complete", "fail"] as const) {
      const t = await startWithAgent();
      const [worker, other] = [await startWorker(t), await startWorker(t)];
      await enqueue(t, "c", "first", { maxAttempts: 1 });
      await enqueue(t, "c", "second");
      const claimed = await worker.mustClaim();
      await move(t, worker, "drain_requested");
      await worker[end](claimed);
      expect(await other.mustClaim()).toMatchObject({ payload: { messageText: "second" } });
    }
  });

  it("does not keep its conversations waiting: the next message is for others within moments", async () => {
    const t = await startWithAgent();
    const [worker, other] = [await startWorker(t), await startWorker(t)];
    await enqueue(t, "c");
    await worker.complete(await worker.mustClaim());
    await move(t, worker, "drain_requested");
    await enqueue(t, "c");
    passTime(3_000);
    await sweep(t);
    expect(await other.mustClaim()).toMatchObject({ conversationId: "c" });
  });
});
