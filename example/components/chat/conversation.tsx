"use client";
/** One conversation, live: what was said, what is being said, what waits, and the place to say more. */
import { useUploads } from "convex-agent-factory/react";
import { useRef, useState } from "react";
import { api } from "../../convex/_generated/api";
import { Composer, type ComposerHandle } from "./composer";
import { ConversationSkeleton } from "./conversation-skeleton";
import { EmptyConversation } from "./empty-conversation";
import { Transcript } from "./transcript";
import { useChat, type ChatTarget } from "./use-chat";
import { useFileDrop } from "./use-file-drop";

/** Several screens of text. */
const INITIAL_ENTRIES = 100;
/** What "Show earlier messages" adds, up to what the query returns at most. */
const MORE_ENTRIES = 100;
const MAX_ENTRIES = 200;

export function Conversation({ consumerUserId, agentKey }: Omit<ChatTarget, "limit">) {
  const [limit, setLimit] = useState(INITIAL_ENTRIES);
  const { view, send, cancel, problem, dismissProblem } = useChat({ consumerUserId, agentKey, limit });
  const uploads = useUploads(api.agentFactory, { consumerUserId, agentKey });
  const drop = useFileDrop(uploads.add);
  const composer = useRef<ComposerHandle>(null);

  const isEmpty = view !== undefined && view.contextHistory.length === 0 && view.queueItems.length === 0;
  const mayHaveMore = view !== undefined && view.contextHistory.length >= limit && limit < MAX_ENTRIES;
  return (
    <main className="relative flex min-w-0 flex-1 flex-col" {...drop.handlers}>
      {drop.isOver && <DropHint />}
      {view === undefined ? (
        <ConversationSkeleton />
      ) : isEmpty ? (
        <EmptyConversation onPick={(text) => composer.current?.propose(text)} />
      ) : (
        <Transcript
          view={view}
          onSendAgain={(text) => void send(text)}
          onCancel={(messageId) => void cancel(messageId)}
          onShowEarlier={mayHaveMore ? () => setLimit(Math.min(MAX_ENTRIES, limit + MORE_ENTRIES)) : null}
        />
      )}
      <Composer ref={composer} onSend={send} uploads={uploads} problem={problem} onDismissProblem={dismissProblem} />
    </main>
  );
}

function DropHint() {
  return (
    <div
      aria-hidden
      className="appear pointer-events-none absolute inset-3 z-10 grid place-items-center rounded-3xl border-2 border-dashed border-accent bg-accent-wash/90 text-[15px] font-medium text-accent"
    >
      Drop files to send them to your agent
    </div>
  );
}
