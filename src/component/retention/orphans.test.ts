import { describe, expect, it } from "vitest";
import { countStored, sendFiles, storeFile, upload as uploadAsUser } from "../conversations/uploads.test-kit.js";
import { sha256Hex } from "../digest.js";
import {
  bindUser,
  enqueue,
  lib,
  passTime,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { upload } from "../snapshots/snapshots.test-kit.js";
import { ORPHAN_AGE_MS } from "./orphans.js";
import { RETENTION_BATCH } from "./sweep.js";

async function retain(t: Harness) {
  return await t.action(async (ctx) => await ctx.runMutation(lib.runRetention, {}));
}

describe("stored files that nothing names", () => {
  useFakeClock();

  it("are deleted a day after they were stored, such as a worker leaves that died before it could name them", async () => {
    const t = await startWithAgent();
    await storeFile(t, "of an answer", "text/plain");
    await storeFile(t, "a workspace", "application/gzip");
    passTime(ORPHAN_AGE_MS - 1_000);
    expect(await retain(t)).toMatchObject({ files: 0 });
    const young = await storeFile(t, "of a turn that runs");
    passTime(2_000);
    expect(await retain(t)).toMatchObject({ files: 2, more: false });
    expect((await snapshotOfAllTables(t))._storage).toMatchObject([{ _id: young }]);
  });

  it("are told from those of snapshots, answers and messages, however old these are", async () => {
    const t = await startWithAgent();
    await bindUser(t, "ada");
    const worker = await startWorker(t, { policy: { runTimeoutMs: 6 * 3_600_000 } });
    await sendFiles(t, [{ storageId: (await uploadAsUser(t)).storageId }]);
    const claim = await worker.mustClaim();
    const { messageId, leaseId, generation } = claim;
    const file = { storageId: await storeFile(t, "answer"), sizeBytes: 6, sha256: await sha256Hex("answer") };
    const held = { ...worker.credentials, messageId, leaseId, generation };
    await t.action(async (ctx) => await ctx.runMutation(lib.addTurnFile, { ...held, ...file, fileName: "a.txt" }));
    const { snapshotId } = await upload(t, worker, claim, "workspace");
    await worker.complete(claim, "ok", { snapshotId });
    await runScheduled(t);
    for (let day = 0; day < 3; day++) {
      passTime(ORPHAN_AGE_MS);
      expect(await retain(t)).toMatchObject({ files: 0 });
    }
    expect(await countStored(t)).toBe(3);
  });

  it("are found in batches, and each file is looked at once", async () => {
    const t = await startWithAgent();
    for (let index = 0; index < 2 * RETENTION_BATCH + 5; index++) await storeFile(t, "x");
    passTime(ORPHAN_AGE_MS + 1_000);
    expect(await retain(t)).toMatchObject({ files: RETENTION_BATCH, more: true });
    await runScheduled(t);
    expect(await countStored(t)).toBe(0);
    const before = await snapshotOfAllTables(t);
    expect(await retain(t)).toMatchObject({ files: 0, more: false });
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });

  it("that a message of the app names without an upload are not its own: they go after a day, and it says so", async () => {
    const t = await startWithAgent();
    const storageId = await storeFile(t, "of the app");
    const claim = { kind: "document" as const, status: "ready" as const, storageId, expiresAt: 0 };
    await enqueue(t, "c", "hi", { payload: { attachments: [claim] } });
    passTime(ORPHAN_AGE_MS + 1_000);
    await retain(t);
    const worker = await startWorker(t);
    const { payload } = await worker.hydrate(await worker.mustClaim());
    expect(payload.attachments).toMatchObject([{ status: "expired" }]);
  });
});
