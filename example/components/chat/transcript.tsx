"use client";
/** Everything said so far, what is being said and what waits, oldest first, kept at its end while one reads there. */
import { isUnconfirmed } from "convex-agent-factory/react";
import { useEffect } from "react";
import { buildTimeline } from "../../lib/timeline";
import type { ConversationView } from "../../lib/views";
import { formatClock } from "../../lib/format";
import { ArrowDownIcon } from "../ui/icons";
import { useNow } from "../ui/now";
import { Entry } from "./entry";
import { QueuedMessage } from "./queued-message";
import { RunningTurn } from "./running-turn";
import { Speaker } from "./speaker";
import { useStickToEnd } from "./use-stick-to-end";

export function Transcript({
  view,
  onSendAgain,
  onCancel,
  onShowEarlier,
}: {
  view: ConversationView;
  onSendAgain: (text: string) => void;
  onCancel: (messageId: string) => void;
  /** `null` when there is nothing earlier, or no more can be shown. */
  onShowEarlier: (() => void) | null;
}) {
  const now = useNow();
  const { scroller, content, isAtEnd, scrollToEnd } = useStickToEnd();
  // Whoever sends a message wants to see it, wherever they were reading.
  const justSent = view.queueItems.findLast(isUnconfirmed)?._id;
  useEffect(() => {
    if (justSent !== undefined) scrollToEnd();
  }, [justSent, scrollToEnd]);
  const timeline = buildTimeline(view.contextHistory);
  const lastReply = timeline.findLast((entry) => entry.role === "assistant");
  return (
    <div className="relative min-h-0 flex-1">
      <div
        ref={scroller}
        className="h-full overflow-y-auto [overflow-anchor:none]"
        tabIndex={0}
        role="region"
        aria-label="Conversation"
      >
        <ol ref={content} className="mx-auto flex w-full max-w-3xl flex-col px-4 pt-8 pb-6 sm:px-5">
          {onShowEarlier !== null && (
            <li className="mb-6 text-center">
              <button
                type="button"
                className="rounded-full border border-line px-3 py-1 text-xs text-ink-soft transition hover:bg-raised"
                onClick={onShowEarlier}
              >
                Show earlier messages
              </button>
            </li>
          )}
          {timeline.map((entry) => (
            <li key={entry.key}>
              {entry.startsSitting && (
                <p className="mt-2 mb-5 text-center text-xs text-ink-faint">{formatClock(entry.at, now)}</p>
              )}
              <Entry entry={entry} now={now} onSendAgain={onSendAgain} />
            </li>
          ))}
          {view.queueItems.map((item, index) => (
            <li key={item._id}>
              <QueuedMessage item={item} isFirst={index === 0} now={now} onCancel={() => onCancel(item._id)} />
              {item.status === "processing" && (
                <RunningTurn
                  turn={view.liveTurn?.messageId === item._id ? view.liveTurn : null}
                  now={now}
                  onStop={() => onCancel(item._id)}
                />
              )}
            </li>
          ))}
        </ol>
      </div>
      {!isAtEnd && (
        <button
          type="button"
          aria-label="Go to the newest message"
          className="appear absolute bottom-3 left-1/2 grid size-8 -translate-x-1/2 place-items-center rounded-full border border-line-strong bg-surface shadow-raised"
          onClick={scrollToEnd}
        >
          <ArrowDownIcon className="size-4" />
        </button>
      )}
      <Speaker liveTurn={view.liveTurn} lastReply={lastReply ?? null} />
    </div>
  );
}
