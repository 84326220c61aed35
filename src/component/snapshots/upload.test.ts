import { describe, expect, it } from "vitest";
import {
  enqueue,
  expectRefused,
  inComponent,
  lib,
  passTime,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { contentOf, storeFile, upload } from "./snapshots.test-kit.js";
import { MAX_UPLOADS_OF_A_LEASE } from "./upload.js";

async function running(t: Harness) {
  const worker = await startWorker(t);
  await enqueue(t, "c");
  return { worker, claimed: await worker.mustClaim() };
}

describe("an upload", () => {
  useFakeClock();

  it("is prepared under a lease that is alive, with an hour to finish", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const prepared = await worker.prepareUpload({ ...claimedTurn(claimed), reason: "checkpoint" });
    expect(prepared).toMatchObject({ expiresAt: Date.now() + 3_600_000 });
    expect(prepared.uploadUrl).toMatch(/^https:/);
    expect((await snapshotOfAllTables(t)).snapshots).toMatchObject([
      { status: "uploading", conversationId: "c", agentKey: "a", generation: 1, workerId: worker.workerId },
    ]);
  });

  it("that is accepted twice is accepted once", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const finished = await upload(t, worker, claimed, "workspace");
    const before = await snapshotOfAllTables(t);
    expect(await worker.finalizeUpload(finished)).toBe(true);
    expect(await snapshotOfAllTables(t)).toEqual(before);
    await worker.complete(claimed, "ok", { snapshotId: finished.snapshotId });
    const after = await snapshotOfAllTables(t);
    expect(await worker.finalizeUpload(finished)).toBe(true);
    expect(await snapshotOfAllTables(t)).toEqual(after);
  });

  it("is refused when size or checksum differ from what is stored, and can be done again", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const { snapshotId } = await worker.prepareUpload({ ...claimedTurn(claimed), reason: "checkpoint" });
    const file = await storeFile(t, "workspace");
    const other = await storeFile(t, "elsewhere");
    const wrong = [
      { ...file, sizeBytes: file.sizeBytes + 1 },
      { ...file, sizeBytes: NaN },
      { ...file, sha256: other.sha256 },
      { ...file, sha256: file.sha256.toUpperCase() },
      { ...file, sha256: "" },
      { ...file, storageId: "nowhere" },
      { ...file, storageId: snapshotId },
    ];
    for (const values of wrong) {
      await expectRefused(t, "snapshot_rejected", async () => worker.finalizeUpload({ snapshotId, ...values }));
    }
    expect(await worker.finalizeUpload({ snapshotId, ...file })).toBe(true);
  });

  it("is refused when its file was lost in between", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const { snapshotId } = await worker.prepareUpload({ ...claimedTurn(claimed), reason: "checkpoint" });
    const file = await storeFile(t, "workspace");
    await inComponent(t, async (ctx) => await ctx.storage.delete(file.storageId));
    const message = await expectRefused(t, "snapshot_rejected", async () =>
      worker.finalizeUpload({ snapshotId, ...file }),
    );
    expect(message).toMatch(/does not exist. Upload it again/);
  });

  it("is refused when its file belongs to a snapshot already, be it another conversation's", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const finished = await upload(t, worker, claimed, "workspace");
    const { snapshotId } = await worker.prepareUpload({ ...claimedTurn(claimed), reason: "checkpoint" });
    await expectRefused(t, "snapshot_rejected", async () => worker.finalizeUpload({ ...finished, snapshotId }));
    const thief = await startWorker(t);
    await enqueue(t, "d");
    const { snapshotId: theirs } = await thief.prepareUpload({
      ...claimedTurn(await thief.mustClaim()),
      reason: "checkpoint",
    });
    await expectRefused(t, "snapshot_rejected", async () => thief.finalizeUpload({ ...finished, snapshotId: theirs }));
  });

  it("is refused when its file is a user's, of an answer, or was there before: naming a file makes it nobody's", async () => {
    const t = await startWithAgent();
    const older = await storeFile(t, "stored by somebody");
    passTime(10);
    const { worker, claimed } = await running(t);
    const { snapshotId } = await worker.prepareUpload({ ...claimedTurn(claimed), reason: "checkpoint" });
    const sent = await storeFile(t, "sent by a user", 'text/plain; upload="theirs"');
    const handed = await storeFile(t, "handed over");
    const { messageId, leaseId, generation } = claimed;
    const turn = { ...worker.credentials, messageId, leaseId, generation };
    await t.action(async (ctx) => await ctx.runMutation(lib.addTurnFile, { ...turn, ...handed, fileName: "a.txt" }));
    for (const file of [older, sent, handed]) {
      await expectRefused(t, "snapshot_rejected", async () => worker.finalizeUpload({ snapshotId, ...file }));
    }
    expect(await worker.finalizeUpload({ snapshotId, ...(await storeFile(t, "workspace")) })).toBe(true);
  });

  it("is made under its own generation: one from the future would be newer than all that follow", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const { conversationId, generation } = claimed;
    const forged = [generation + 1, generation - 1, 0, -1, 1e308, NaN, Infinity];
    const refuse = async (reason: "checkpoint" | "drain") => {
      for (const other of forged) {
        await expectRefused(t, "lease_lost", async () =>
          worker.prepareUpload({ conversationId, generation: other, reason }),
        );
      }
    };
    await refuse("checkpoint");
    await worker.complete(claimed);
    await refuse("drain");
    expect(await worker.prepareUpload({ conversationId, generation, reason: "drain" })).toHaveProperty("uploadUrl");
  });

  it("is one of a bounded number: no worker fills a table by beginning again and again", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const request = { ...claimedTurn(claimed), reason: "checkpoint" as const };
    for (let begun = 0; begun < MAX_UPLOADS_OF_A_LEASE; begun++) {
      const { snapshotId } = await worker.prepareUpload(request);
      if (begun % 2 === 0) await worker.failUpload(snapshotId, "again");
    }
    await expectRefused(t, "snapshot_rejected", async () => worker.prepareUpload(request));
    await worker.complete(claimed);
    await expectRefused(t, "snapshot_rejected", async () => worker.prepareUpload({ ...request, reason: "drain" }));
    await enqueue(t, "c");
    const next = claimedTurn(await worker.mustClaim());
    expect(await worker.prepareUpload({ ...request, ...next })).toHaveProperty("uploadUrl");
  });

  it("is its own worker's only", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const other = await startWorker(t);
    await expectRefused(t, "lease_lost", async () =>
      other.prepareUpload({ ...claimedTurn(claimed), reason: "checkpoint" }),
    );
    const { snapshotId } = await worker.prepareUpload({ ...claimedTurn(claimed), reason: "checkpoint" });
    const file = await storeFile(t, "workspace");
    await expectRefused(t, "snapshot_rejected", async () => other.finalizeUpload({ snapshotId, ...file }));
    await expectRefused(t, "snapshot_rejected", async () => other.failUpload(snapshotId, "no"));
    await expectRefused(t, "snapshot_rejected", async () => worker.finalizeUpload({ ...file, snapshotId: "nothing" }));
  });

  it("that was given up stays so, and keeps its reason to a sentence", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const { snapshotId } = await worker.prepareUpload({ ...claimedTurn(claimed), reason: "checkpoint" });
    expect(await worker.failUpload(snapshotId, `${"x".repeat(999)}\u{1F600}`)).toBe(true);
    expect(await worker.failUpload(snapshotId, "again")).toBe(false);
    expect((await snapshotOfAllTables(t)).snapshots).toMatchObject([{ status: "failed", error: "x".repeat(999) }]);
    const file = await storeFile(t, "workspace");
    await expectRefused(t, "snapshot_rejected", async () => worker.finalizeUpload({ snapshotId, ...file }));
  });
});

describe("a checkpoint", () => {
  useFakeClock();

  it("is not current before its turn completes, and is with it", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const { snapshotId } = await upload(t, worker, claimed, "workspace");
    expect((await worker.hydrate(claimed)).snapshot).toBeNull();
    await worker.complete(claimed, "ok", { snapshotId });
    await enqueue(t, "c");
    const { snapshot } = await worker.hydrate(await worker.mustClaim());
    expect(snapshot).toMatchObject({ snapshotId, sizeBytes: 9 });
    expect(await contentOf(t, snapshotId)).toBe("workspace");
  });

  it("never becomes current when its turn is lost", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const { snapshotId } = await upload(t, worker, claimed, "workspace");
    passTime(45_000);
    await expectRefused(t, "lease_lost", async () => worker.complete(claimed, "ok", { snapshotId }));
    await sweep(t);
    await runScheduled(t, 2_000);
    const other = await startWorker(t);
    const again = await other.mustClaim();
    expect((await other.hydrate(again)).snapshot).toBeNull();
    // Not even for the one who claims next and knows its id.
    await expectRefused(t, "snapshot_rejected", async () => other.complete(again, "ok", { snapshotId }));
  });

  it("must be of this very turn: of this worker, conversation and generation, and finished", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 4 } });
    await enqueue(t, "c");
    await enqueue(t, "d");
    const [c, d] = [await worker.mustClaim("c"), await worker.mustClaim("d")];
    const ofD = await upload(t, worker, d, "d's workspace");
    const { snapshotId: unfinished } = await worker.prepareUpload({ ...claimedTurn(c), reason: "checkpoint" });
    for (const snapshotId of [ofD.snapshotId, unfinished, "nothing", c.messageId]) {
      await expectRefused(t, "snapshot_rejected", async () => worker.complete(c, "ok", { snapshotId }));
    }
    const old = await upload(t, worker, c, "c's workspace");
    await worker.release(c);
    const again = await worker.mustClaim("c");
    await expectRefused(t, "snapshot_rejected", async () =>
      worker.complete(again, "ok", { snapshotId: old.snapshotId }),
    );
    expect(await worker.complete(again)).toBe(true);
  });

  it("needs the lease to be alive up to its last call", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const { snapshotId } = await worker.prepareUpload({ ...claimedTurn(claimed), reason: "checkpoint" });
    const file = await storeFile(t, "workspace");
    passTime(45_000);
    await expectRefused(t, "lease_lost", async () => worker.finalizeUpload({ snapshotId, ...file }));
    await expectRefused(t, "lease_lost", async () =>
      worker.prepareUpload({ ...claimedTurn(claimed), reason: "checkpoint" }),
    );
  });
});

function claimedTurn({ conversationId, generation }: { conversationId: string; generation: number }) {
  return { conversationId, generation };
}
