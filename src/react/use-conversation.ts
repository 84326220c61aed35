/** One hook for a chat page: the conversation, live, and ways to say something and to stop it. */
import type { OptimisticLocalStore } from "convex/browser";
import { useMutation, useQuery } from "convex/react";
import type { FunctionReference } from "convex/server";
import { useCallback, useState } from "react";
import type { MessageStatus, UploadedFile } from "../shared/payload.js";
import type { ConversationView } from "../shared/views.js";
import { withUnconfirmed, type UnconfirmedMessage } from "./unconfirmed.js";

/** The app's functions as `exposeApi` returned them, e.g. `api.agentFactory`. */
export type ConversationFunctions = {
  getConversationViewForUserAgent: FunctionReference<
    "query",
    "public",
    { consumerUserId: string; agentKey: string; limit?: number },
    ConversationView
  >;
  sendMessageToUserAgent: FunctionReference<
    "mutation",
    "public",
    {
      consumerUserId: string;
      agentKey: string;
      content: string;
      metadata?: Record<string, string>;
      attachments?: UploadedFile[];
    },
    string
  >;
  cancelMessageForUserAgent: FunctionReference<
    "mutation",
    "public",
    { consumerUserId: string; agentKey: string; messageId: string },
    { canceled: boolean; status: MessageStatus }
  >;
};

export type ConversationTarget = {
  consumerUserId: string;
  agentKey: string;
  /** Entries of the transcript and queue items shown, 1–200, default 50. */
  limit?: number;
};

export type SendOptions = { metadata?: Record<string, string>; attachments?: UploadedFile[] };

export type UseConversation = {
  /** `undefined` while it loads. While more is loaded, what was there stays. */
  view: ConversationView | undefined;
  /**
   * On the page at once. Resolves to the message's id; rejects with the deployment's typed error, nothing being queued. Files are
   * what `useUploads` has uploaded.
   */
  send: (content: string, options?: SendOptions) => Promise<string>;
  /** Stops a message that waits or runs. Resolves to false when it had ended already. */
  cancel: (messageId: string) => Promise<boolean>;
};

export function useConversation(functions: ConversationFunctions, target: ConversationTarget): UseConversation {
  const { consumerUserId, agentKey, limit } = target;
  const watched = { consumerUserId, agentKey, ...(limit === undefined ? {} : { limit }) };
  const current = useQuery(functions.getConversationViewForUserAgent, watched);
  const [last, setLast] = useState(current);
  if (current !== undefined && current !== last) setLast(current);

  const sendMessage = useMutation(functions.sendMessageToUserAgent).withOptimisticUpdate(
    showUnconfirmed(functions, watched),
  );
  const send = useCallback<UseConversation["send"]>(
    async (content, options = {}) => await sendMessage({ consumerUserId, agentKey, content, ...options }),
    [sendMessage, consumerUserId, agentKey],
  );
  const cancelMessage = useMutation(functions.cancelMessageForUserAgent);
  const cancel = useCallback<UseConversation["cancel"]>(
    async (messageId) => (await cancelMessage({ consumerUserId, agentKey, messageId })).canceled,
    [cancelMessage, consumerUserId, agentKey],
  );
  return { view: current ?? last, send, cancel };
}

function showUnconfirmed(functions: ConversationFunctions, watched: ConversationTarget) {
  return (store: OptimisticLocalStore, message: UnconfirmedMessage) => {
    const view = store.getQuery(functions.getConversationViewForUserAgent, watched);
    if (view === undefined) return;
    store.setQuery(functions.getConversationViewForUserAgent, watched, withUnconfirmed(view, message, Date.now()));
  };
}
