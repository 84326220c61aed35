/** One thing that was said, by whom and when. */
import { formatClock } from "../../lib/format";
import type { TimelineEntry } from "../../lib/timeline";
import { Button } from "../ui/button";
import { Notice } from "../ui/notice";
import { AgentBlock, Meta, UserBubble } from "./bubbles";
import { FileCards } from "./file-card";
import { RichText } from "./rich-text";

export function Entry({
  entry,
  now,
  onSendAgain,
}: {
  entry: TimelineEntry;
  now: number;
  onSendAgain: (text: string) => void;
}) {
  const time = <time dateTime={new Date(entry.at).toISOString()}>{formatClock(entry.at, now)}</time>;
  switch (entry.role) {
    case "user":
      return (
        <article aria-label="You" className="mb-7">
          <FileCards files={entry.files} align="right" />
          <UserBubble>{entry.content}</UserBubble>
          <Meta align="right">{time}</Meta>
        </article>
      );
    case "assistant":
      return (
        <article aria-label="Your agent" data-testid="reply" className="mb-7">
          <AgentBlock>
            <RichText text={entry.content} />
            <FileCards files={entry.files} align="left" />
            <Meta>{time}</Meta>
          </AgentBlock>
        </article>
      );
    case "tool":
      return (
        <details className="mb-7 ml-10.5 text-[13px] text-ink-soft">
          <summary className="w-fit cursor-pointer rounded">Result of a tool</summary>
          <pre className="mt-2 max-h-64 overflow-auto rounded-xl bg-raised p-3 font-mono text-xs whitespace-pre-wrap">
            {entry.content}
          </pre>
        </details>
      );
    case "system":
      return <SystemNote entry={entry} onSendAgain={onSendAgain} />;
  }
}

/** What the component notes when a running message was stopped by whoever sent it, which is no fault. */
const CANCELED_NOTE = "This message was canceled.";

/** What the component itself has to say: mostly that a message could not be answered, and then it can be sent again. */
function SystemNote({ entry, onSendAgain }: { entry: TimelineEntry; onSendAgain: (text: string) => void }) {
  const { unanswered } = entry;
  const wasCanceled = entry.content === CANCELED_NOTE;
  return (
    <div className="mb-7">
      <Notice
        tone={unanswered === null || wasCanceled ? "quiet" : "bad"}
        action={
          unanswered !== null &&
          unanswered.text.trim() !== "" && (
            // Files are sent once: they would have to be chosen again.
            <Button onClick={() => onSendAgain(unanswered.text)}>
              {unanswered.hasFiles ? "Send the text again" : "Send again"}
            </Button>
          )
        }
      >
        {entry.content}
      </Notice>
    </div>
  );
}
