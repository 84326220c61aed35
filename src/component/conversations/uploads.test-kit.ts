/** Uploads as a user's page makes them, for the component's own tests: an address, the file sent to it, and its id. */
import type { UploadedFile } from "../../shared/payload.js";
import type { Id } from "../_generated/dataModel.js";
import { bindUser, inComponent, lib, startWithAgent, type Harness } from "../setup.test-kit.js";

export const ada = { consumerUserId: "ada", agentKey: "a" };
export const bob = { consumerUserId: "bob", agentKey: "a" };

type User = typeof ada;

/** With agent "a", which both users have. */
export async function startWithUsers(): Promise<Harness> {
  const t = await startWithAgent();
  await bindUser(t, "ada");
  await bindUser(t, "bob");
  return t;
}

export async function view(t: Harness, user = ada) {
  return await t.action(async (ctx) => await ctx.runQuery(lib.getConversationViewForUserAgent, user));
}

/** Stores a file the way storage does when it is sent to an upload URL: with the `Content-Type` that came with it. */
export async function storeFile(t: Harness, content: string, contentType?: string): Promise<Id<"_storage">> {
  return await inComponent(t, async (ctx) => {
    const storageId = await ctx.storage.store(new Blob([content]));
    // convex-test's storage forgets the type, which real storage keeps; its database takes the correction.
    const patch = ctx.db.patch as (id: string, fields: object) => Promise<void>;
    if (contentType !== undefined) await patch(storageId, { contentType });
    return storageId;
  });
}

/** Makes a stored file as large as a test wants it, without its bytes. */
export async function pretendSize(t: Harness, storageId: string, size: number): Promise<void> {
  await inComponent(t, async (ctx) => {
    const patch = ctx.db.patch as (id: string, fields: object) => Promise<void>;
    await patch(storageId, { size });
  });
}

export async function openUpload(t: Harness, user: User = ada, mimeType = "text/plain") {
  return await t.action(async (ctx) => await ctx.runMutation(lib.generateMediaUploadUrl, { ...user, mimeType }));
}

export async function upload(t: Harness, content = "hello", user: User = ada, mimeType = "text/plain") {
  const { uploadId, contentType } = await openUpload(t, user, mimeType);
  return { uploadId, contentType, storageId: await storeFile(t, content, contentType) };
}

export async function sendFiles(t: Harness, attachments: UploadedFile[], user: User = ada, content = "look") {
  return await t.action(
    async (ctx) => await ctx.runMutation(lib.sendMessageToUserAgent, { ...user, content, attachments }),
  );
}

/** How many files storage holds. */
export async function countStored(t: Harness): Promise<number> {
  return await inComponent(t, async (ctx) => (await ctx.db.system.query("_storage").take(200)).length);
}
