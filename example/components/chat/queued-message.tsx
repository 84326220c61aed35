/** One's own message on its way: what it waits for, or that it is being answered. */
import { isUnconfirmed } from "convex-agent-factory/react";
import type { ShownFile } from "../../lib/files";
import { formatClock, formatDuration } from "../../lib/format";
import type { QueueItem } from "../../lib/views";
import { ClockIcon } from "../ui/icons";
import { QuietButton } from "../ui/quiet-button";
import { Meta, UserBubble } from "./bubbles";
import { FileCards } from "./file-card";

/** Reasons of the component for which this page has words of its own, because it can count down. */
const NORMAL_REASONS = new Set(["behind", "retrying", "scheduled", "starting_worker"]);

export function QueuedMessage({
  item,
  isFirst,
  now,
  onCancel,
}: {
  item: QueueItem;
  isFirst: boolean;
  now: number;
  onCancel: () => void;
}) {
  const isWaiting = item.status === "queued";
  return (
    <article aria-label="You" data-testid="queued-message" data-status={item.status} className="appear mb-7">
      <FileCards files={filesOf(item)} align="right" />
      <UserBubble isWaiting={isWaiting}>{item.payload.messageText}</UserBubble>
      <Meta align="right">
        {isWaiting ? (
          <>
            <ClockIcon className="size-3.5" />
            <span className="text-right">{waitingWords(item, isFirst, now)}</span>
            {!isUnconfirmed(item) && <QuietButton onClick={onCancel}>Cancel</QuietButton>}
          </>
        ) : (
          <time dateTime={new Date(item._creationTime).toISOString()}>{formatClock(item._creationTime, now)}</time>
        )}
      </Meta>
    </article>
  );
}

function filesOf({ payload }: QueueItem): ShownFile[] {
  return (payload.attachments ?? []).map(
    ({ fileName = null, mimeType = null, sizeBytes = null, downloadUrl = null }) => ({
      fileName,
      mimeType,
      sizeBytes,
      downloadUrl,
    }),
  );
}

function waitingWords(item: QueueItem, isFirst: boolean, now: number): string {
  if (isUnconfirmed(item)) return "Sending…";
  if (!isFirst) return "Next, after the message before it";
  const reason = item.waitingReason;
  // Whatever keeps the pool from working comes before what is normal.
  if (reason !== null && !NORMAL_REASONS.has(reason.kind)) return reason.message;
  const delay = item.scheduledFor - now;
  // Counts down to 1 s, never to 0.
  const soon = delay > 0 ? `in ${formatDuration(delay + 999)}` : "now";
  if (item.attempts > 0) return `Try ${item.attempts} of ${item.maxAttempts} did not finish; trying again ${soon}`;
  return delay > 0 ? `Planned ${soon}` : "Starting a machine…";
}
