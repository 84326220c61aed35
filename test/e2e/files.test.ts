/** A file on its whole way: a user uploads and sends it, a real worker reads it and hands one back, the user downloads the same bytes. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConversation, type Conversation } from "../../dev/demo/conversation.js";
import { startStack, type Stack } from "../../dev/demo/stack.js";
import { api } from "../../example/convex/_generated/api.js";

/** More than one part of any stream on the way. */
const CONTENT = randomBytes(3 * 1024 * 1024);
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ policy: { maxWorkers: 1 } });
});

afterAll(async () => {
  await stack.close();
});

const target = ({ userId }: Conversation) => ({ consumerUserId: userId, agentKey: "default" });

/** As a page does it: an address, the file, its id. */
async function upload(conversation: Conversation, content: Uint8Array, mimeType: string): Promise<string> {
  const { uploadUrl, contentType } = await conversation.client.mutation(
    api.agentFactory.generateMediaUploadUrlForUserAgent,
    { ...target(conversation), mimeType },
  );
  const headers = { "Content-Type": contentType };
  const response = await fetch(uploadUrl, { method: "POST", headers, body: new Uint8Array(content) });
  expect(response.status).toBe(200);
  const { storageId } = (await response.json()) as { storageId: string };
  return storageId;
}

async function sendFile(conversation: Conversation, storageId: string, content: string): Promise<string> {
  const attachments = [{ storageId, fileName: "photo of the sea.png" }];
  const message = { ...target(conversation), content, attachments };
  return await conversation.client.mutation(api.agentFactory.sendMessageToUserAgent, message);
}

async function download(url: string | null | undefined): Promise<Buffer> {
  const response = await fetch(url ?? "");
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

describe("a file", () => {
  it("goes from its user to the agent and back, byte for byte, and to nobody else", async () => {
    const conversation = await openConversation(stack.cloudUrl);
    const other = await openConversation(stack.cloudUrl);
    const storageId = await upload(conversation, CONTENT, "image/png");
    await expect(sendFile(other, storageId, "mine")).rejects.toMatchObject({ data: { kind: "upload_rejected" } });
    const messageId = await sendFile(conversation, storageId, "send it back");
    await expect(sendFile(conversation, storageId, "again")).rejects.toMatchObject({
      data: { kind: "upload_rejected" },
    });

    const answered = await conversation.waitFor(({ contextHistory }) => contextHistory.length >= 3, 90_000);
    const [question, handedOver, reply] = answered.contextHistory;
    const known = { fileName: "photo of the sea.png", mimeType: "image/png", sizeBytes: CONTENT.length };
    expect(question).toMatchObject({ content: "send it back", attachments: [{ kind: "photo", ...known }] });
    expect(handedOver).toMatchObject({ role: "assistant", file: known });
    expect(reply?.content).toContain("Here you are: 1 file.");
    for (const url of [question?.attachments?.[0]?.downloadUrl, handedOver?.file?.downloadUrl]) {
      expect((await download(url)).equals(CONTENT)).toBe(true);
    }

    const second = await upload(conversation, CONTENT, "image/png");
    await sendFile(conversation, second, "");
    const named = await conversation.waitFor(({ contextHistory }) => contextHistory.length >= 5, 60_000);
    // What the worker has read is what was sent: its own checksum says so.
    expect(named.contextHistory.at(-1)?.content).toContain(`${CONTENT.length} bytes), SHA-256 \`${SHA256}\``);

    const items = await stack.operator.query(api.agentFactory.listQueueItemsForConversation, {
      conversationId: conversation.conversationId,
    });
    expect(items.find(({ _id }) => _id === messageId)).toMatchObject({ status: "done", attempts: 1 });
    await expect(
      other.client.query(api.agentFactory.getConversationViewForUserAgent, target(conversation)),
    ).rejects.toThrow(/another user/);
    await other.close();
    await conversation.close();
  });
});
