"use client";
/** One conversation, live: what was said, what is being said, what waits, and the place to say more. */
import { useQuery } from "convex/react";
import { useRef, useState } from "react";
import { api } from "../../convex/_generated/api";
import { Composer, type ComposerHandle } from "./composer";
import { ConversationSkeleton } from "./conversation-skeleton";
import { EmptyConversation } from "./empty-conversation";
import { Transcript } from "./transcript";
import { INITIAL_ENTRIES, useSendMessage, type ConversationKey } from "./use-send-message";

/** What "Show earlier messages" adds, up to what the query returns at most. */
const MORE_ENTRIES = 100;
const MAX_ENTRIES = 200;

export function Conversation({ consumerUserId, agentKey }: Omit<ConversationKey, "limit">) {
  const [limit, setLimit] = useState(INITIAL_ENTRIES);
  const key: ConversationKey = { consumerUserId, agentKey, limit };
  const view = useQuery(api.agentFactory.getConversationViewForUserAgent, key);
  // While a longer transcript loads, the shorter one stays.
  const [lastView, setLastView] = useState(view);
  if (view !== undefined && view !== lastView) setLastView(view);
  const shown = view ?? lastView;
  const { send, problem, dismissProblem } = useSendMessage(key);
  const composer = useRef<ComposerHandle>(null);

  const isEmpty = shown !== undefined && shown.contextHistory.length === 0 && shown.queueItems.length === 0;
  const mayHaveMore = shown !== undefined && shown.contextHistory.length >= limit && limit < MAX_ENTRIES;
  return (
    <main className="flex min-w-0 flex-1 flex-col">
      {shown === undefined ? (
        <ConversationSkeleton />
      ) : isEmpty ? (
        <EmptyConversation onPick={(text) => composer.current?.propose(text)} />
      ) : (
        <Transcript
          view={shown}
          onSendAgain={(text) => void send(text)}
          onShowEarlier={mayHaveMore ? () => setLimit(Math.min(MAX_ENTRIES, limit + MORE_ENTRIES)) : null}
        />
      )}
      <Composer ref={composer} onSend={send} problem={problem} onDismissProblem={dismissProblem} />
    </main>
  );
}
