import { describe, expect, it } from "vitest";
import { storeFile } from "../component/conversations/uploads.test-kit.js";
import { useFakeClock } from "../component/setup.test-kit.js";
import type { OpenedUpload } from "../shared/reports.js";
import { startApp } from "./app.test-kit.js";

/** An app in which `who()` is calling. */
function startAs() {
  const who = { userId: "root", isAdmin: true };
  const app = startApp(() => who);
  const as = (userId: string) => Object.assign(who, { userId, isAdmin: userId === "root" });
  return { ...app, as };
}

const own = (consumerUserId: string) => ({ consumerUserId, agentKey: "default" });
const refusal = (kind: string) => ({ data: { kind } });

async function startWithUsers() {
  const app = startAs();
  await app.call("seedDefaultAgent");
  for (const user of ["ada", "eve"]) await app.call("bindUserAgent", own(user));
  const upload = async (user: string): Promise<OpenedUpload & { storageId: string }> => {
    const opened = (await app.call("generateMediaUploadUrlForUserAgent", {
      ...own(user),
      mimeType: "text/plain",
    })) as OpenedUpload;
    return { ...opened, storageId: await storeFile(app.t, `of ${user}`, opened.contentType) };
  };
  return { ...app, upload };
}

describe("files of a user", () => {
  useFakeClock();

  it("are uploaded, sent and shown through exposed functions, to themselves alone", async () => {
    const { as, call, upload } = await startWithUsers();
    as("ada");
    const { storageId } = await upload("ada");
    await call("sendMessageToUserAgent", {
      ...own("ada"),
      content: "",
      attachments: [{ storageId, fileName: "a.txt" }],
    });
    const view = JSON.stringify(await call("getConversationViewForUserAgent", own("ada")));
    expect(view).toMatch(/"downloadUrl":"https?:/);
    as("eve");
    await expect(call("getConversationViewForUserAgent", own("ada"))).rejects.toMatchObject(refusal("forbidden"));
    expect(JSON.stringify(await call("getConversationViewForUserAgent", own("eve")))).not.toContain("a.txt");
  });

  it("are nobody else's to send, to upload or to give up, whatever that one knows of them", async () => {
    const { as, call, upload } = await startWithUsers();
    as("ada");
    const { storageId, uploadId } = await upload("ada");
    as("eve");
    const asEve = async (name: string, args: object, user = "eve") => await call(name, { ...own(user), ...args });
    const stolen = { content: "mine now", attachments: [{ storageId }] };
    await expect(asEve("sendMessageToUserAgent", stolen)).rejects.toMatchObject(refusal("upload_rejected"));
    await expect(asEve("sendMessageToUserAgent", stolen, "ada")).rejects.toMatchObject(refusal("forbidden"));
    await expect(asEve("generateMediaUploadUrlForUserAgent", {}, "ada")).rejects.toMatchObject(refusal("forbidden"));
    expect(await asEve("discardMediaUploadForUserAgent", { uploadId, storageId })).toBe(false);
    const discarded = asEve("discardMediaUploadForUserAgent", { uploadId, storageId }, "ada");
    await expect(discarded).rejects.toMatchObject(refusal("forbidden"));
    as("ada");
    await call("sendMessageToUserAgent", { ...own("ada"), content: "", attachments: [{ storageId }] });
  });
});
