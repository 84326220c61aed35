"use client";
/** Sends a message so that it is on the page at once, and says in plain words when the deployment refused it. */
import { useMutation } from "convex/react";
import { useCallback, useState } from "react";
import { api } from "../../convex/_generated/api";
import { describeError } from "../../lib/describe-error";
import type { QueueItem } from "../../lib/views";

export interface ConversationKey {
  consumerUserId: string;
  agentKey: string;
  /** Entries of the transcript that the page shows. */
  limit: number;
}

/** Several screens of text. */
export const INITIAL_ENTRIES = 100;
/** Marks a message that the deployment has not confirmed yet. */
const UNCONFIRMED_PREFIX = "unconfirmed:";

export function isUnconfirmed(item: QueueItem): boolean {
  return item._id.startsWith(UNCONFIRMED_PREFIX);
}

export function useSendMessage({ consumerUserId, agentKey, limit }: ConversationKey) {
  const [problem, setProblem] = useState<string | null>(null);
  const sendMessage = useMutation(api.agentFactory.sendMessageToUserAgent).withOptimisticUpdate((store, message) => {
    const key = { consumerUserId: message.consumerUserId, agentKey: message.agentKey, limit };
    const view = store.getQuery(api.agentFactory.getConversationViewForUserAgent, key);
    if (view === undefined) return;
    const unconfirmed = unconfirmedItem(view.conversationId, message);
    store.setQuery(api.agentFactory.getConversationViewForUserAgent, key, {
      ...view,
      queueItems: [...view.queueItems, unconfirmed],
    });
  });
  /** Resolves to false when the message was refused, so that its text can be given back to its writer. */
  const send = useCallback(
    async (content: string): Promise<boolean> => {
      setProblem(null);
      try {
        await sendMessage({ consumerUserId, agentKey, content });
        return true;
      } catch (error) {
        setProblem(describeError(error));
        return false;
      }
    },
    [sendMessage, consumerUserId, agentKey],
  );
  return { send, problem, dismissProblem: () => setProblem(null) };
}

/** What the queue will most likely hold in a moment; replaced by the truth as soon as it arrives. */
function unconfirmedItem(conversationId: string, message: { agentKey: string; content: string }): QueueItem {
  const now = Date.now();
  return {
    _id: `${UNCONFIRMED_PREFIX}${now}:${message.content.length}`,
    _creationTime: now,
    conversationId,
    agentKey: message.agentKey,
    status: "queued",
    priority: 0,
    scheduledFor: now,
    attempts: 0,
    maxAttempts: 1,
    lastError: null,
    payload: { provider: "app", providerUserId: "me", messageText: message.content },
    waitingReason: null,
  };
}
