import { describe, expect, it } from "vitest";
import {
  bindUser,
  cancel,
  configureAgent,
  enqueue,
  expectRefused,
  lib,
  passTime,
  queueStats,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";

async function statuses(t: Harness): Promise<unknown[]> {
  return ((await snapshotOfAllTables(t)).messages ?? []).map(({ status }) => status);
}

describe("canceling a message that waits", () => {
  useFakeClock();

  it("takes it out of its line, wherever it stands", async () => {
    const t = await startWithAgent();
    const ids = [];
    for (const text of ["1", "2", "3"]) ids.push(await enqueue(t, "c", text));
    expect(await cancel(t, ids[0] ?? "")).toEqual({ canceled: true, status: "canceled" });
    expect(await cancel(t, ids[2] ?? "")).toEqual({ canceled: true, status: "canceled" });
    expect(await queueStats(t)).toMatchObject({ queued: 1, queuedReady: 1, canceled: 2 });
    const worker = await startWorker(t);
    expect(await worker.mustClaim()).toMatchObject({ payload: { messageText: "2" } });
    expect(await worker.claim()).toBeNull();
  });

  it("leaves an empty lane behind when it was the only one, and no machine is wanted for it", async () => {
    const t = await startWithAgent();
    await cancel(t, await enqueue(t, "c"));
    expect((await snapshotOfAllTables(t)).lanes).toMatchObject([{ state: "idle", queuedCount: 0 }]);
    expect(await queueStats(t)).toMatchObject({ queued: 0, queuedReady: 0, canceled: 1 });
  });

  it("lets what was held up by it go on", async () => {
    const t = await startWithAgent();
    const later = await enqueue(t, "c", "later", { scheduledFor: Date.now() + 60_000 });
    await enqueue(t, "c", "now");
    expect(await queueStats(t)).toMatchObject({ queuedReady: 0 });
    await cancel(t, later);
    expect(await (await startWorker(t)).mustClaim()).toMatchObject({ payload: { messageText: "now" } });
  });

  it("works behind a running one, and on a message that is backing off", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const first = await enqueue(t, "c", "1");
    const second = await enqueue(t, "c", "2");
    const claimed = await worker.mustClaim();
    expect(await cancel(t, second)).toMatchObject({ canceled: true });
    await worker.fail(claimed);
    expect(await cancel(t, first)).toMatchObject({ canceled: true });
    await runScheduled(t, 10_000);
    expect(await worker.claim()).toBeNull();
    expect((await snapshotOfAllTables(t)).lanes).toMatchObject([{ state: "idle" }]);
  });

  it("works while its agent is disabled", async () => {
    const t = await startWithAgent();
    const ids = [await enqueue(t, "c", "1"), await enqueue(t, "c", "2")];
    const worker = await startWorker(t);
    await configureAgent(t, "a", false);
    expect(await worker.claim()).toBeNull();
    for (const id of ids) expect(await cancel(t, id)).toMatchObject({ canceled: true });
    expect((await snapshotOfAllTables(t)).lanes).toMatchObject([{ state: "idle", queuedCount: 0 }]);
  });
});

describe("canceling a message that runs", () => {
  useFakeClock();

  it("takes the turn from its worker, which is told and can commit nothing more", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "1");
    await enqueue(t, "c", "2");
    const claimed = await worker.mustClaim();
    await worker.stream(claimed, 0, "Half a");
    expect((await worker.inbox()).leaseIds).toEqual([claimed.leaseId]);
    expect(await cancel(t, claimed.messageId)).toEqual({ canceled: true, status: "canceled" });
    expect((await worker.inbox()).leaseIds).toEqual([]);
    for (const call of [
      async () => worker.complete(claimed),
      async () => worker.fail(claimed),
      async () => worker.release(claimed),
      async () => worker.stream(claimed, 6, "n answer"),
      async () => worker.append(claimed, [{ role: "tool", content: "done" }]),
      async () => worker.hydrate(claimed),
    ]) {
      await expectRefused(t, "lease_lost", call);
    }
    expect(await worker.mustClaim()).toMatchObject({ payload: { messageText: "2" }, generation: 2 });
  });

  it("says so in the conversation, and sweeps up what was streamed", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "Write a novel");
    const claimed = await worker.mustClaim();
    await worker.stream(claimed, 0, "It was a dark");
    await cancel(t, claimed.messageId);
    await runScheduled(t);
    const { transcript, turnChunks, leases } = await snapshotOfAllTables(t);
    expect(transcript).toMatchObject([
      { role: "user", content: "Write a novel" },
      { role: "system", content: "This message was canceled." },
    ]);
    expect([turnChunks, leases]).toEqual([[], []]);
    expect(await queueStats(t)).toMatchObject({ processing: 0, canceled: 1, done: 0 });
  });

  it("of a worker that was lost meanwhile counts no second time", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const id = await enqueue(t, "c");
    await worker.mustClaim();
    passTime(45_000);
    expect(await cancel(t, id)).toMatchObject({ canceled: true });
    await runScheduled(t, 60_000);
    expect(await queueStats(t)).toMatchObject({ queued: 0, processing: 0, canceled: 1 });
  });
});

describe("canceling", () => {
  useFakeClock();

  it("changes nothing about a message that has ended", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const done = await enqueue(t, "c");
    await worker.complete(await worker.mustClaim());
    const dead = await enqueue(t, "c");
    await worker.fail(await worker.mustClaim(), "no", false);
    const before = await snapshotOfAllTables(t);
    expect(await cancel(t, done)).toEqual({ canceled: false, status: "done" });
    expect(await cancel(t, dead)).toEqual({ canceled: false, status: "dead_letter" });
    expect(await snapshotOfAllTables(t)).toEqual(before);
    const gone = await enqueue(t, "c");
    await cancel(t, gone);
    expect(await cancel(t, gone)).toEqual({ canceled: false, status: "canceled" });
    expect(await statuses(t)).toEqual(["done", "dead_letter", "canceled"]);
  });

  it("is refused for what is no message", async () => {
    const t = await startWithAgent();
    await expectRefused(t, "message_not_found", async () => cancel(t, "nonsense"));
  });

  it("is open to a user for their own messages only", async () => {
    const t = await startWithAgent();
    const mine = await bindUser(t, "alice");
    const theirs = await bindUser(t, "bob");
    const [own, foreign] = [await enqueue(t, mine), await enqueue(t, theirs)];
    const cancelAsAlice = async (messageId: string) =>
      await t.action(
        async (ctx) =>
          await ctx.runMutation(lib.cancelMessageForUserAgent, { consumerUserId: "alice", agentKey: "a", messageId }),
      );
    await expectRefused(t, "message_not_found", async () => cancelAsAlice(foreign));
    expect(await cancelAsAlice(own)).toEqual({ canceled: true, status: "canceled" });
  });
});
