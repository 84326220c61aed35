import { describe, expect, it } from "vitest";
import { MAX_REPLY_FILES } from "../../shared/worker-protocol.js";
import { sha256Hex } from "../digest.js";
import {
  component,
  enqueue,
  expectRefused,
  inComponent,
  lib,
  passTime,
  runScheduled,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import type { Claim } from "../../shared/worker-protocol.js";
import { conversationView } from "../console/conversation.js";
import { storeFile } from "../conversations/uploads.test-kit.js";
import { FINISHED_MESSAGE_RETENTION_MS } from "../queue/retention.js";

type StoredFile = { storageId: string; sha256: string; sizeBytes: number };
type Worker = Awaited<ReturnType<typeof startWorker>>;

async function store(t: Harness, content: string) {
  const storageId = await inComponent(t, async (ctx) => await ctx.storage.store(new Blob([content])));
  return { storageId, sha256: await sha256Hex(content), sizeBytes: new TextEncoder().encode(content).length };
}

async function add(t: Harness, worker: Worker, claim: Claim, file: StoredFile, fileName = "a.txt") {
  const { messageId, leaseId, generation } = claim;
  const args = { ...worker.credentials, messageId, leaseId, generation, fileName, mimeType: "text/plain", ...file };
  return await t.action(async (ctx) => await ctx.runMutation(lib.addTurnFile, args));
}

async function stored(t: Harness): Promise<number> {
  return await inComponent(t, async (ctx) => (await ctx.db.system.query("_storage").take(50)).length);
}

const view = async (t: Harness) => await inComponent(t, async (ctx) => await conversationView(ctx, "c", 50));

async function claimed(t: Harness) {
  await enqueue(t, "c");
  const worker = await startWorker(t);
  return { worker, claim: await worker.mustClaim() };
}

describe("files of an answer", () => {
  useFakeClock();

  it("are added once, and seen with the answer when the turn completes", async () => {
    const t = await startWithAgent();
    const { worker, claim } = await claimed(t);
    const file = await store(t, "hello");
    expect([await add(t, worker, claim, file), await add(t, worker, claim, file)]).toEqual([true, false]);
    expect((await view(t)).contextHistory).toEqual([]);
    await worker.complete(claim, "here you are");
    await runScheduled(t);
    const { contextHistory } = await view(t);
    expect(contextHistory.map(({ content }) => content)).toEqual(["hi", "[File: a.txt]", "here you are"]);
    expect(contextHistory[1]?.file).toMatchObject({ fileName: "a.txt", mimeType: "text/plain", sizeBytes: 5 });
    expect(contextHistory[1]?.file?.downloadUrl).toMatch(/^https?:/);
    // Who runs the next turn learns of it, but gets no way to it.
    await enqueue(t, "c");
    const next = await worker.mustClaim();
    const [, told] = (await worker.hydrate(next)).conversationState.contextHistory;
    expect(told?.file).toMatchObject({ fileName: "a.txt", downloadUrl: null });
  });

  it("of an attempt that came to nothing are deleted, and so are those of a message that is forgotten", async () => {
    const t = await startWithAgent();
    const { worker, claim } = await claimed(t);
    await add(t, worker, claim, await store(t, "first"));
    await worker.fail(claim);
    passTime(60_000);
    await worker.heartbeat();
    await runScheduled(t);
    expect(await stored(t)).toBe(0);
    const again = await worker.mustClaim();
    await add(t, worker, again, await store(t, "second"));
    await worker.complete(again);
    await runScheduled(t);
    expect(await stored(t)).toBe(1);
    passTime(FINISHED_MESSAGE_RETENTION_MS);
    await t.action(async (ctx) => await ctx.runMutation(component.lib.runRetention, {}));
    expect(await stored(t)).toBe(0);
  });

  it("are those the turn has uploaded, as it says, and not too many", async () => {
    const t = await startWithAgent();
    const old = await store(t, "somebody else's");
    passTime(10);
    const { worker, claim } = await claimed(t);
    const file = await store(t, "mine");
    const refused = async (change: Partial<StoredFile>, name?: string) =>
      await expectRefused(t, "invalid_argument", async () => add(t, worker, claim, { ...file, ...change }, name));
    await refused(old);
    await refused({ sha256: old.sha256 });
    await refused({ sizeBytes: 3 });
    await refused({ sizeBytes: 21 * 1024 * 1024 });
    await refused({ storageId: "nothing" });
    const users = await storeFile(t, "mine", 'text/plain; upload="somebody\'s"');
    await refused({ storageId: users });
    await refused({}, " ");
    for (let index = 0; index < MAX_REPLY_FILES; index++) await add(t, worker, claim, await store(t, `file ${index}`));
    await expectRefused(t, "output_too_large", async () => add(t, worker, claim, file));
    await worker.complete(claim);
    await expectRefused(t, "lease_lost", async () => add(t, worker, claim, file));
  });

  it("are no files of another answer", async () => {
    const t = await startWithAgent();
    const first = await claimed(t);
    const file = await store(t, "first");
    await enqueue(t, "d");
    const other = await startWorker(t);
    const claim = await other.mustClaim("d");
    const later = await store(t, "later");
    await add(t, first.worker, first.claim, later);
    await expectRefused(t, "invalid_argument", async () => add(t, other, claim, later));
    await expectRefused(t, "invalid_argument", async () => add(t, other, claim, { ...file, sizeBytes: 1 }));
  });

  it("are no workspaces: one would be gone with the message that it is named in", async () => {
    const t = await startWithAgent();
    const { worker, claim } = await claimed(t);
    const { conversationId, generation } = claim;
    const request = { conversationId, generation, reason: "checkpoint" as const };
    const { snapshotId } = await worker.prepareUpload(request);
    const workspace = await store(t, "workspace");
    await worker.finalizeUpload({ snapshotId, ...workspace });
    await expectRefused(t, "invalid_argument", async () => add(t, worker, claim, workspace));
  });

  it("have an address to be sent to, for whoever holds the turn", async () => {
    const t = await startWithAgent();
    const { worker, claim } = await claimed(t);
    const { messageId, leaseId, generation } = claim;
    const args = { ...worker.credentials, messageId, leaseId, generation };
    const ask = async () => await t.action(async (ctx) => await ctx.runMutation(lib.generateTurnFileUploadUrl, args));
    expect((await ask()).uploadUrl).toMatch(/^https?:/);
    await worker.complete(claim);
    await expectRefused(t, "lease_lost", ask);
  });
});
