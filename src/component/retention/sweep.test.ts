import { describe, expect, it } from "vitest";
import {
  enqueue,
  inComponent,
  lib,
  passTime,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import {
  DEAD_LETTER_RETENTION_MS,
  FINISHED_MESSAGE_RETENTION_MS,
  RAW_UPDATE_RETENTION_MS,
} from "../queue/retention.js";
import { upload } from "../snapshots/snapshots.test-kit.js";
import { moveWorker } from "../workers/fleet.js";
import { STOPPED_WORKER_RETENTION_MS } from "../workers/retention.js";
import { RETENTION_BATCH } from "./sweep.js";

async function sweepOnce(t: Harness) {
  return await t.action(async (ctx) => await ctx.runMutation(lib.runRetention, {}));
}

describe("what has ended", () => {
  useFakeClock();

  it("is kept to the millisecond, then removed: messages with what was said", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared" } });
    for (const end of ["complete", "bury"] as const) {
      await enqueue(t, end);
      const claimed = await worker.mustClaim();
      await worker.append(claimed, [{ role: "tool", content: "searched" }]);
      await (end === "complete" ? worker.complete(claimed) : worker.fail(claimed, "no", false));
    }
    passTime(FINISHED_MESSAGE_RETENTION_MS - 1);
    expect(await sweepOnce(t)).toEqual({
      messages: 0,
      rawUpdates: 0,
      snapshots: 0,
      workers: 0,
      uploads: 0,
      files: 0,
      more: false,
    });
    passTime(1);
    expect(await sweepOnce(t)).toMatchObject({ messages: 1, more: false });
    const left = await snapshotOfAllTables(t);
    expect(left.messages).toMatchObject([{ status: "dead_letter" }]);
    passTime(DEAD_LETTER_RETENTION_MS - FINISHED_MESSAGE_RETENTION_MS - 1);
    expect(await sweepOnce(t)).toMatchObject({ messages: 0 });
    passTime(1);
    expect(await sweepOnce(t)).toMatchObject({ messages: 1 });
    const { messages, transcript } = await snapshotOfAllTables(t);
    expect([messages, transcript]).toEqual([[], []]);
  });

  it("keeps what a provider sent word for word for a week, and the message itself for longer", async () => {
    const t = await startWithAgent();
    const rawUpdateJson = JSON.stringify({ update_id: 1 });
    await enqueue(t, "c", "hi", { payload: { rawUpdateJson } });
    passTime(RAW_UPDATE_RETENTION_MS - 1);
    expect(await sweepOnce(t)).toMatchObject({ rawUpdates: 0 });
    passTime(1);
    expect(await sweepOnce(t)).toMatchObject({ rawUpdates: 1, messages: 0 });
    expect(await sweepOnce(t)).toMatchObject({ rawUpdates: 0 });
    const { messages } = await snapshotOfAllTables(t);
    expect(messages).toMatchObject([{ status: "queued", payload: { messageText: "hi" } }]);
    expect(JSON.stringify(messages)).not.toContain("update_id");
  });

  it("is removed in batches that continue by themselves", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared" } });
    for (let index = 0; index < 2 * RETENTION_BATCH + 10; index++) {
      await enqueue(t, "c");
      await worker.complete(await worker.mustClaim());
    }
    passTime(FINISHED_MESSAGE_RETENTION_MS);
    expect(await sweepOnce(t)).toMatchObject({ messages: RETENTION_BATCH, more: true });
    await runScheduled(t);
    const { messages, transcript } = await snapshotOfAllTables(t);
    expect([messages, transcript]).toEqual([[], []]);
  });

  it("is removed however large it is", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const largest = "\u20ac".repeat(128 * 1024);
    for (let index = 0; index < 3; index++) {
      await enqueue(t, "c", "x".repeat(128 * 1024));
      const claimed = await worker.mustClaim();
      const entries = Array.from({ length: 25 }, () => ({ role: "tool" as const, content: largest }));
      await worker.append(claimed, entries);
      await worker.append(claimed, entries);
      await worker.complete(claimed, largest);
    }
    passTime(FINISHED_MESSAGE_RETENTION_MS);
    const { messages, more } = await sweepOnce(t);
    expect(messages).toBeLessThan(3);
    expect(more).toBe(true);
    await runScheduled(t);
    const tables = await snapshotOfAllTables(t);
    expect([tables.messages, tables.transcript]).toEqual([[], []]);
  });

  it("leaves the conversation its place: the next message goes on where it was", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 600_000 } });
    await enqueue(t, "c");
    await worker.complete(await worker.mustClaim());
    passTime(FINISHED_MESSAGE_RETENTION_MS);
    await sweepOnce(t);
    await enqueue(t, "c");
    expect(await (await startWorker(t)).mustClaim()).toMatchObject({ generation: 2 });
  });
});

describe("what has not ended", () => {
  useFakeClock();

  it("is not removed, however old it is", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { runTimeoutMs: 6 * 3_600_000 } });
    await enqueue(t, "running");
    await enqueue(t, "running", "behind");
    await enqueue(t, "later", "hi", { scheduledFor: Date.now() + 360 * 24 * 3_600_000 });
    await worker.mustClaim("running");
    await enqueue(t, "retrying");
    const other = await startWorker(t);
    await other.fail(await other.mustClaim("retrying"));
    // What is told of the fleet is history, also of a worker that still lives.
    const before = { ...(await snapshotOfAllTables(t)), fleetEvents: [] };
    passTime(90 * 24 * 3_600_000);
    expect(await sweepOnce(t)).toEqual({
      messages: 0,
      rawUpdates: 0,
      snapshots: 0,
      workers: 0,
      uploads: 0,
      files: 0,
      more: false,
    });
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });
});

describe("snapshots", () => {
  useFakeClock();

  async function turn(t: Harness, content: string, worker: Awaited<ReturnType<typeof startWorker>>) {
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    const { snapshotId } = await upload(t, worker, claimed, content);
    await worker.complete(claimed, "ok", { snapshotId });
    return claimed;
  }

  it("go with their files an hour after they were replaced; the current one stays for ever", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await turn(t, "one", worker);
    await turn(t, "two", worker);
    passTime(3_600_000 - 1);
    expect(await sweepOnce(t)).toMatchObject({ snapshots: 0 });
    passTime(1);
    expect(await sweepOnce(t)).toMatchObject({ snapshots: 1 });
    passTime(365 * 24 * 3_600_000);
    await sweepOnce(t);
    const { snapshots, currentSnapshots, _storage } = await snapshotOfAllTables(t);
    expect(snapshots).toHaveLength(1);
    expect(_storage).toHaveLength(1);
    expect(currentSnapshots).toMatchObject([{ snapshotId: snapshots?.[0]?._id }]);
    expect(snapshots?.[0]?.storageId).toBe(_storage?.[0]?._id);
  });

  it("that were current for long go as well once they are replaced, and never before a restore of them could end", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 24 * 3_600_000 } });
    await turn(t, "one", worker);
    passTime(2 * 3_600_000);
    // It has come due while it was current, and stays.
    expect(await sweepOnce(t)).toMatchObject({ snapshots: 0 });
    await turn(t, "two", worker);
    passTime(3_600_000 - 60_000);
    await turn(t, "three", worker);
    passTime(60_000);
    // The second came due a minute after it was replaced.
    expect(await sweepOnce(t)).toMatchObject({ snapshots: 0 });
    expect((await snapshotOfAllTables(t)).snapshots).toHaveLength(3);
    passTime(3_600_000);
    expect(await sweepOnce(t)).toMatchObject({ snapshots: 2 });
    const { snapshots, currentSnapshots, _storage } = await snapshotOfAllTables(t);
    expect(snapshots).toHaveLength(1);
    expect(_storage).toHaveLength(1);
    expect(currentSnapshots).toMatchObject([{ snapshotId: snapshots?.[0]?._id }]);
  });

  it("that were never finished, given up, or finished for nothing go as well", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    const { conversationId, generation } = claimed;
    await worker.prepareUpload({ conversationId, generation, reason: "checkpoint" });
    const { snapshotId } = await worker.prepareUpload({ conversationId, generation, reason: "checkpoint" });
    await worker.failUpload(snapshotId, "disk full");
    await upload(t, worker, claimed, "for nothing");
    await worker.release(claimed);
    passTime(3_600_000);
    expect(await sweepOnce(t)).toMatchObject({ snapshots: 3 });
    const { snapshots, _storage } = await snapshotOfAllTables(t);
    expect([snapshots, _storage]).toEqual([[], []]);
  });

  it("whose file is gone already stop no sweep", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await turn(t, "one", worker);
    await turn(t, "two", worker);
    await inComponent(t, async (ctx) => {
      const row = await ctx.db.query("snapshots").first();
      if (row?.storageId !== undefined) await ctx.storage.delete(row.storageId);
    });
    passTime(3_600_000);
    expect(await sweepOnce(t)).toMatchObject({ snapshots: 1 });
  });

  it("that are current are kept even if their row says that they expire", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await turn(t, "one", worker);
    await inComponent(t, async (ctx) => {
      const row = await ctx.db.query("snapshots").first();
      if (row !== null) await ctx.db.patch("snapshots", row._id, { expiresAt: Date.now() });
    });
    for (const round of [1, 2]) {
      expect(await sweepOnce(t), `round ${round}`).toMatchObject({ snapshots: 0 });
      passTime(3_600_000);
    }
    const { snapshots, _storage } = await snapshotOfAllTables(t);
    expect([snapshots?.length, _storage?.length]).toEqual([1, 1]);
    expect(snapshots?.[0]?.expiresAt).toBeUndefined();
  });
});

describe("workers", () => {
  useFakeClock();

  it("are removed a week after they stopped, with whatever is left of them; live ones stay", async () => {
    const t = await startWithAgent();
    const [gone, stopping] = [await startWorker(t), await startWorker(t)];
    await inComponent(t, async (ctx) => {
      for (const event of ["lost", "gone"] as const) await moveWorker(ctx, gone.workerId, event, "test");
      await moveWorker(ctx, stopping.workerId, "lost", "test");
      // As a worker leaves it whose leases did not all fit into its last transaction.
      const holder = { poolKey: "default", epoch: 1, state: "lapsed" as const, beatAt: 0, expiresAt: 0 };
      await ctx.db.insert("leaseHolders", { ...holder, workerId: gone.workerId, leaseDurationMs: 45_000, capacity: 1 });
    });
    passTime(STOPPED_WORKER_RETENTION_MS - 1);
    expect(await sweepOnce(t)).toMatchObject({ workers: 0 });
    passTime(1);
    expect(await sweepOnce(t)).toMatchObject({ workers: 1 });
    const { workers, leaseHolders } = await snapshotOfAllTables(t);
    expect(workers?.map(({ workerId }) => workerId)).toEqual([stopping.workerId]);
    expect(leaseHolders?.map(({ workerId }) => workerId)).toEqual([stopping.workerId]);
  });
});
