import { describe, expect, it } from "vitest";
import type { ConversationView } from "../shared/views.js";
import { isUnconfirmed, withUnconfirmed } from "./unconfirmed.js";

const empty: ConversationView = {
  conversationId: "c",
  contextHistory: [],
  pendingToolCalls: [],
  queueItems: [],
  hasQueuedJobs: false,
  latestMessageId: null,
  lastUserMessageAt: null,
  lastAssistantMessageAt: null,
  liveTurn: null,
};

describe("withUnconfirmed", () => {
  it("adds the message at the end, marked as not confirmed", () => {
    const view = withUnconfirmed(empty, { agentKey: "a", content: "hello" }, 1_000);
    expect(view.queueItems).toHaveLength(1);
    expect(view.queueItems[0]).toMatchObject({ status: "queued", payload: { messageText: "hello" } });
    expect(view.queueItems.every(isUnconfirmed)).toBe(true);
    expect(empty.queueItems).toEqual([]);
  });

  it("names the files that come with it", () => {
    const attachments = [{ storageId: "s", fileName: "a.txt" }];
    const [item] = withUnconfirmed(empty, { agentKey: "a", content: "", attachments }, 1_000).queueItems;
    expect(item?.payload.attachments).toMatchObject([{ storageId: "s", fileName: "a.txt", status: "ready" }]);
  });

  it("keeps two messages of the same millisecond apart", () => {
    const once = withUnconfirmed(empty, { agentKey: "a", content: "one" }, 1_000);
    const twice = withUnconfirmed(once, { agentKey: "a", content: "two" }, 1_000);
    expect(new Set(twice.queueItems.map(({ _id }) => _id)).size).toBe(2);
  });

  it("takes no stored message for an unconfirmed one", () => {
    expect(isUnconfirmed({ _id: "12345;messages" })).toBe(false);
  });
});
