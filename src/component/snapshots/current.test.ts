import { describe, expect, it } from "vitest";
import {
  enqueue,
  expectRefused,
  inComponent,
  passTime,
  snapshotOfAllTables,
  startWithAgent,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker, type StartedWorker } from "../worker.test-kit.js";
import { moveWorker } from "../workers/fleet.js";
import { currentForRestore, findPointer, movePointer } from "./current.js";
import { deleteExpiredSnapshots } from "./retention.js";
import { contentOf, storeFile, upload } from "./snapshots.test-kit.js";

/** Runs one turn that leaves this workspace. */
async function turn(t: Harness, worker: StartedWorker, content: string, conversationId = "c") {
  await enqueue(t, conversationId);
  const claimed = await worker.mustClaim(conversationId);
  const { snapshotId } = await upload(t, worker, claimed, content);
  await worker.complete(claimed, "ok", { snapshotId });
  return claimed;
}

async function restored(t: Harness, conversationId = "c"): Promise<string | null> {
  const current = await inComponent(t, async (ctx) => await currentForRestore(ctx, conversationId));
  return current === null ? null : await contentOf(t, current.snapshotId);
}

describe("the current snapshot", () => {
  useFakeClock();

  it("is that of the newest completed turn", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    expect(await restored(t)).toBeNull();
    await turn(t, worker, "one");
    expect(await restored(t)).toBe("one");
    await turn(t, worker, "two");
    expect(await restored(t)).toBe("two");
  });

  it("stays when a turn leaves none", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await turn(t, worker, "one");
    await enqueue(t, "c");
    await worker.complete(await worker.mustClaim());
    expect(await restored(t)).toBe("one");
  });

  it("is never another conversation's", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 4 } });
    await turn(t, worker, "c's", "c");
    await enqueue(t, "d");
    const claimed = await worker.mustClaim("d");
    expect((await worker.hydrate(claimed)).snapshot).toBeNull();
    expect(await worker.latestSnapshot(claimed)).toBeNull();
    const { snapshotId } = await upload(t, worker, claimed, "d's");
    await worker.complete(claimed, "ok", { snapshotId });
    expect([await restored(t, "c"), await restored(t, "d")]).toEqual(["c's", "d's"]);
  });

  it("does not move back to an older turn's", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await turn(t, worker, "one");
    await turn(t, worker, "two");
    await inComponent(t, async (ctx) => {
      const oldest = await ctx.db.query("snapshots").first();
      if (oldest === null) throw new Error("no snapshot");
      await expect(movePointer(ctx, oldest)).rejects.toMatchObject({ data: { kind: "snapshot_rejected" } });
      expect(await findPointer(ctx, "c")).toMatchObject({ generation: 2 });
    });
    expect(await restored(t)).toBe("two");
  });

  it("says that its file is missing rather than letting a worker start empty", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await turn(t, worker, "one");
    await inComponent(t, async (ctx) => {
      const row = await ctx.db.query("snapshots").first();
      if (row?.storageId !== undefined) await ctx.storage.delete(row.storageId);
    });
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    const message = await expectRefused(t, "snapshot_rejected", async () => worker.hydrate(claimed));
    expect(message).toMatch(/missing from storage/);
  });
});

describe("a snapshot at drain", () => {
  useFakeClock();

  it("becomes current when it is finished, after the turn", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const claimed = await turn(t, worker, "one");
    await upload(t, worker, claimed, "one, tidied up", "drain");
    expect(await restored(t)).toBe("one, tidied up");
  });

  it("is taken from a worker that was asked to leave in the middle of its last turn", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    await inComponent(t, async (ctx) => await moveWorker(ctx, worker.workerId, "drain_requested", "Idle for long."));
    await worker.complete(claimed);
    await upload(t, worker, claimed, "one, tidied up", "drain");
    expect(await restored(t)).toBe("one, tidied up");
  });

  it("is refused in the middle of a turn: half of its changes are nothing to start from", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const { generation } = await worker.mustClaim();
    for (const reason of ["drain", "signal", "manual"] as const) {
      await expectRefused(t, "lease_lost", async () =>
        worker.prepareUpload({ conversationId: "c", generation, reason }),
      );
    }
  });

  it("is refused once another worker has gone on, at every step", async () => {
    const t = await startWithAgent();
    const [worker, other] = [await startWorker(t), await startWorker(t)];
    const claimed = await turn(t, worker, "one");
    const place = { conversationId: "c", generation: claimed.generation, reason: "drain" as const };
    const { snapshotId } = await worker.prepareUpload(place);
    const file = await storeFile(t, "one, late");
    await enqueue(t, "c");
    passTime(3_000);
    await sweep(t);
    const next = await other.mustClaim();
    await expectRefused(t, "lease_lost", async () => worker.finalizeUpload({ snapshotId, ...file }));
    await expectRefused(t, "lease_lost", async () => worker.prepareUpload(place));
    const theirs = await upload(t, other, next, "two");
    await other.complete(next, "ok", { snapshotId: theirs.snapshotId });
    await expectRefused(t, "lease_lost", async () => worker.finalizeUpload({ snapshotId, ...file }));
    expect(await restored(t)).toBe("two");
  });

  it("is refused from a worker that lost the conversation's last turn", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    passTime(45_000);
    await sweep(t);
    await worker.heartbeat();
    await expectRefused(t, "lease_lost", async () =>
      worker.prepareUpload({ conversationId: "c", generation: claimed.generation, reason: "drain" }),
    );
  });

  it("of a conversation that nobody ever ran is refused", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    for (const conversationId of ["c", "nowhere"]) {
      await expectRefused(t, "lease_lost", async () =>
        worker.prepareUpload({ conversationId, generation: 0, reason: "drain" }),
      );
    }
  });
});

describe("a replaced snapshot", () => {
  useFakeClock();

  it("is given another hour, for those who restore it just now", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 600_000 } });
    await turn(t, worker, "one");
    passTime(50 * 60_000);
    await worker.heartbeat();
    await turn(t, worker, "two");
    const replacedAt = Date.now();
    passTime(10 * 60_000);
    expect(await inComponent(t, async (ctx) => await deleteExpiredSnapshots(ctx, 10))).toMatchObject({ deleted: 0 });
    const [replaced] = (await snapshotOfAllTables(t)).snapshots ?? [];
    expect(replaced).toMatchObject({ expiresAt: replacedAt + 3_600_000 });
  });
});
