import { describe, expect, it } from "vitest";
import {
  cancel,
  configureAgent,
  expectRefused,
  inComponent,
  lib,
  passTime,
  redrive,
  runScheduled,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { FINISHED_MESSAGE_RETENTION_MS } from "../queue/retention.js";
import { MAX_OPEN_UPLOADS, UPLOAD_LIFETIME_MS } from "./uploads.js";
import { ada, bob, countStored, openUpload, sendFiles, startWithUsers, storeFile, upload } from "./uploads.test-kit.js";

async function discard(t: Harness, { uploadId, storageId }: { uploadId: string; storageId: string }, user = ada) {
  const args = { ...user, uploadId, storageId };
  return await t.action(async (ctx) => await ctx.runMutation(lib.discardMediaUpload, args));
}

async function retain(t: Harness) {
  const report = await t.action(async (ctx) => await ctx.runMutation(lib.runRetention, {}));
  await runScheduled(t);
  return report;
}

describe("uploads", () => {
  useFakeClock();

  it("are for users who have somebody to send them to", async () => {
    const t = await startWithUsers();
    await configureAgent(t, "b");
    for (const user of [
      { ...ada, agentKey: "b" },
      { ...ada, consumerUserId: "eve" },
    ]) {
      await expectRefused(t, "binding_not_found", async () => openUpload(t, user));
    }
    const { uploadUrl, contentType, expiresAt, uploadId } = await openUpload(t, ada, "image/png");
    expect(uploadUrl).toMatch(/^https?:/);
    expect(contentType).toBe(`image/png; upload="${uploadId}"`);
    expect(expiresAt).toBe(Date.now() + UPLOAD_LIFETIME_MS);
  });

  it("that are open at a time are bounded for each user; those that were sent, given up or have expired are not counted", async () => {
    const t = await startWithUsers();
    const first = await upload(t);
    const second = await upload(t);
    for (let index = 2; index < MAX_OPEN_UPLOADS; index++) await openUpload(t);
    const message = await expectRefused(t, "too_many_uploads", async () => openUpload(t));
    expect(message).toMatch(/32 files are uploaded and not sent/);
    await openUpload(t, bob);
    await sendFiles(t, [{ storageId: first.storageId }]);
    await openUpload(t);
    await expectRefused(t, "too_many_uploads", async () => openUpload(t));
    await discard(t, second);
    await openUpload(t);
    passTime(UPLOAD_LIFETIME_MS);
    await openUpload(t);
  });

  it("are given up with their file by whoever began them, and only before they are sent", async () => {
    const t = await startWithUsers();
    const { uploadId, storageId } = await upload(t);
    expect(await discard(t, { uploadId, storageId }, bob)).toBe(false);
    expect(await discard(t, { uploadId: "nothing", storageId })).toBe(false);
    expect(await countStored(t)).toBe(1);
    expect(await discard(t, { uploadId, storageId })).toBe(true);
    expect(await countStored(t)).toBe(0);
    expect(await discard(t, { uploadId, storageId })).toBe(false);
    // Another's file is not deleted by naming it with an upload of one's own.
    const theirs = await upload(t, "bob's", bob);
    const own = await openUpload(t);
    expect(await discard(t, { uploadId: own.uploadId, storageId: theirs.storageId })).toBe(true);
    await sendFiles(t, [{ storageId: theirs.storageId }], bob);
    expect(await discard(t, theirs, bob)).toBe(false);
    expect(await countStored(t)).toBe(1);
  });
});

describe("what users have uploaded", () => {
  useFakeClock();

  it("and never sent is deleted after a day, row and file, whatever was sent to its address", async () => {
    const t = await startWithUsers();
    const { contentType } = await upload(t);
    await storeFile(t, "and another", contentType);
    await openUpload(t);
    passTime(UPLOAD_LIFETIME_MS - 1);
    expect(await retain(t)).toMatchObject({ uploads: 0, files: 0 });
    passTime(60_000);
    expect(await retain(t)).toMatchObject({ uploads: 2, files: 2, more: false });
    expect(await countStored(t)).toBe(0);
    expect(await inComponent(t, async (ctx) => await ctx.db.query("uploads").take(5))).toEqual([]);
  });

  it("and sent lives exactly as long as its message, however that ended", async () => {
    const t = await startWithUsers();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 24 * 3_600_000 } });
    const send = async () => await sendFiles(t, [{ storageId: (await upload(t)).storageId }]);
    await send();
    await worker.complete(await worker.mustClaim());
    await send();
    await worker.failAs(await worker.mustClaim(), "invalid_input");
    await cancel(t, await send());
    passTime(FINISHED_MESSAGE_RETENTION_MS - 1);
    expect(await retain(t)).toMatchObject({ messages: 0, uploads: 0, files: 0 });
    expect(await countStored(t)).toBe(3);
    passTime(1);
    expect(await retain(t)).toMatchObject({ messages: 2, files: 0 });
    expect(await countStored(t)).toBe(1);
    passTime(2 * FINISHED_MESSAGE_RETENTION_MS);
    await retain(t);
    expect(await countStored(t)).toBe(0);
    expect(await inComponent(t, async (ctx) => await ctx.db.query("uploads").take(5))).toEqual([]);
  });

  it("is still there for another try of its message, also when it is redriven", async () => {
    const t = await startWithUsers();
    const worker = await startWorker(t);
    const messageId = await sendFiles(t, [{ storageId: (await upload(t)).storageId }]);
    await worker.failAs(await worker.mustClaim(), "invalid_input");
    await runScheduled(t);
    await redrive(t, messageId);
    await runScheduled(t);
    const bundle = await worker.hydrate(await worker.mustClaim());
    expect(bundle.payload.attachments).toMatchObject([{ status: "ready", sizeBytes: 5 }]);
    expect(await countStored(t)).toBe(1);
  });
});
