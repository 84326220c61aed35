import { describe, expect, it } from "vitest";
import { MAX_ATTACHMENT_BYTES } from "../../shared/attachments.js";
import { MAX_ATTACHMENTS } from "../../shared/payload.js";
import { sha256Hex } from "../digest.js";
import { enqueue, expectRefused, lib, passTime, useFakeClock } from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { FINISHED_MESSAGE_RETENTION_MS } from "../queue/retention.js";
import { UPLOAD_LIFETIME_MS } from "./uploads.js";
import {
  ada,
  bob,
  openUpload,
  pretendSize,
  sendFiles,
  startWithUsers,
  storeFile,
  upload,
  view,
} from "./uploads.test-kit.js";

describe("a file that a user sends", () => {
  useFakeClock();

  it("is what storage says it is, reaches the worker, and is shown with its message at every stage", async () => {
    const t = await startWithUsers();
    const { storageId } = await upload(t, "hello", ada, "Text/Plain; charset=utf-8");
    await sendFiles(t, [{ storageId, fileName: "note.txt" }]);
    const known = { kind: "document", fileName: "note.txt", mimeType: "text/plain", sizeBytes: 5 };
    const [queued] = (await view(t)).queueItems;
    expect(queued?.payload.attachments).toMatchObject([{ ...known, status: "ready", storageId }]);
    expect(queued?.payload.attachments?.[0]?.downloadUrl).toMatch(/^https?:/);

    const worker = await startWorker(t);
    const claim = await worker.mustClaim();
    const [file] = (await worker.hydrate(claim)).payload.attachments ?? [];
    expect(file).toMatchObject({ ...known, sha256: await sha256Hex("hello") });
    expect(file?.expiresAt).toBeGreaterThanOrEqual(Date.now() + FINISHED_MESSAGE_RETENTION_MS);
    await worker.complete(claim, "seen");
    const [question] = (await view(t)).contextHistory;
    expect(question?.attachments).toMatchObject([known]);
    expect(question?.attachments?.[0]?.downloadUrl).toMatch(/^https?:/);
    // Who runs the next turn learns of it, but gets no way to it.
    await sendFiles(t, []);
    const history = (await worker.hydrate(await worker.mustClaim())).conversationState.contextHistory;
    expect(history[0]).toMatchObject({
      content: "look\n[File: note.txt]",
      attachments: [{ ...known, downloadUrl: null }],
    });
  });

  it("needs no words beside it, and has the kind that its type suggests", async () => {
    const t = await startWithUsers();
    const { storageId } = await upload(t, "png", ada, "image/png");
    await sendFiles(t, [{ storageId }], ada, "");
    expect((await view(t)).queueItems[0]?.payload.attachments).toMatchObject([
      { kind: "photo", mimeType: "image/png" },
    ]);
    await expectRefused(t, "invalid_argument", async () => sendFiles(t, [], ada, ""));
  });

  it("must have been uploaded by that user: knowing its id is not enough", async () => {
    const t = await startWithUsers();
    const { storageId } = await upload(t);
    const refused = async (id: string, user = bob) =>
      await expectRefused(t, "upload_rejected", async () => sendFiles(t, [{ storageId: id }], user));
    const theirs = await refused(storageId);
    expect(theirs).toMatch(/no file that this user has uploaded/);
    // Not even the way it is refused tells whether it exists.
    expect(await refused("nothing")).toBe(theirs);
    expect(await refused(await storeFile(t, "of nobody", "text/plain"))).toBe(theirs);
    expect(await refused(await storeFile(t, "forged", 'text/plain; upload="nothing"'))).toBe(theirs);
    // A label with another's upload makes the file theirs, not one's own.
    const { contentType } = await openUpload(t, ada);
    expect(await refused(await storeFile(t, "forged", contentType))).toBe(theirs);
    await sendFiles(t, [{ storageId }]);
    expect(await refused(storageId)).toBe(theirs);
  });

  it("is sent once, by one message, from one upload", async () => {
    const t = await startWithUsers();
    const { storageId, contentType } = await upload(t);
    const twice = [{ storageId }, { storageId, fileName: "b.txt" }];
    const message = await expectRefused(t, "upload_rejected", async () => sendFiles(t, twice));
    expect(message).toBe('"b.txt" comes with this message already. Attach it once.');
    const second = await storeFile(t, "another file at the same address", contentType);
    await expectRefused(t, "upload_rejected", async () => sendFiles(t, [{ storageId }, { storageId: second }]));
    await sendFiles(t, [{ storageId }]);
    for (const id of [storageId, second]) {
      const again = await expectRefused(t, "upload_rejected", async () => sendFiles(t, [{ storageId: id }]));
      expect(again).toMatch(/was sent with another message/);
    }
  });

  it("is refused when it is too late, empty, too large, of the wrong kind or a program, and says so", async () => {
    const t = await startWithUsers();
    const refused = async (file: { storageId: string; fileName?: string; kind?: "photo" | "video" }) =>
      await expectRefused(t, "upload_rejected", async () => sendFiles(t, [file]));
    const { storageId } = await upload(t);
    expect(await refused({ storageId, kind: "photo" })).toMatch(/\(text\/plain\) is not taken as a photo/);
    expect(await refused({ storageId, fileName: "setup.exe" })).toMatch(/programs are not taken/);
    await pretendSize(t, storageId, MAX_ATTACHMENT_BYTES + 1);
    expect(await refused({ storageId, fileName: "a.bin" })).toBe(
      '"a.bin" is larger than 64 MB. Choose a smaller file.',
    );
    const empty = await upload(t, "");
    expect(await refused({ storageId: empty.storageId })).toBe("attachments[0] is empty. Choose another file.");
    const late = await upload(t);
    passTime(UPLOAD_LIFETIME_MS);
    expect(await refused({ storageId: late.storageId })).toMatch(/was not sent in time/);
    for (const fileName of [" ", "x".repeat(300)]) {
      const { storageId: named } = await upload(t);
      await expectRefused(t, "invalid_argument", async () => sendFiles(t, [{ storageId: named, fileName }]));
    }
  });

  it("comes with no more others than a message takes, in number and in bytes", async () => {
    const t = await startWithUsers();
    const files: { storageId: string }[] = [];
    for (let index = 0; index < MAX_ATTACHMENTS + 2; index++) files.push({ storageId: (await upload(t)).storageId });
    await expectRefused(t, "invalid_argument", async () => sendFiles(t, files.slice(1)));
    const large = files.slice(0, 3);
    for (const { storageId } of large) await pretendSize(t, storageId, MAX_ATTACHMENT_BYTES);
    const message = await expectRefused(t, "upload_rejected", async () => sendFiles(t, large));
    expect(message).toMatch(/at most 128 MB together/);
    await sendFiles(t, files.slice(2));
  });

  it("costs three reads and one write each", async () => {
    const t = await startWithUsers();
    const cost = async (count: number) => {
      const attachments: { storageId: string }[] = [];
      while (attachments.length < count) attachments.push({ storageId: (await upload(t)).storageId });
      return await t.mutation(async (ctx) => {
        await ctx.runMutation(lib.sendMessageToUserAgent, { ...ada, content: "look", attachments });
        const { documentsRead, documentsWritten } = await ctx.meta.getTransactionMetrics();
        return { read: documentsRead.used, written: documentsWritten.used };
      });
    };
    await cost(0);
    const [none, most] = [await cost(0), await cost(MAX_ATTACHMENTS)];
    expect(most.read - none.read).toBeLessThanOrEqual(3 * MAX_ATTACHMENTS);
    expect(most.written - none.written).toBe(MAX_ATTACHMENTS);
  });

  it("may be sent for a user by the app, and to no other's conversation", async () => {
    const t = await startWithUsers();
    const { storageId } = await upload(t);
    const conversationOf = async (user: typeof ada) => (await view(t, user)).conversationId;
    // What the app says of it counts for nothing.
    const claim = { kind: "document" as const, status: "ready" as const, storageId, sizeBytes: 1, expiresAt: 0 };
    const payload = { attachments: [{ ...claim, downloadUrl: "http://127.0.0.1/else", sha256: "0" }] };
    const bobs = await conversationOf(bob);
    for (const conversationId of [bobs, "nobodys"]) {
      await expectRefused(t, "upload_rejected", async () => enqueue(t, conversationId, "hi", { payload }));
    }
    await enqueue(t, await conversationOf(ada), "hi", { payload });
    const [sent] = (await view(t)).queueItems[0]?.payload.attachments ?? [];
    expect(sent).toMatchObject({ sizeBytes: 5, sha256: await sha256Hex("hello") });
    expect(sent?.downloadUrl).not.toContain("127.0.0.1/else");
    // What is no upload at all is taken as the app describes it, as ever.
    await enqueue(t, bobs, "hi", { payload: { attachments: [{ ...claim, storageId: "gone" }] } });
  });
});
