/** The answer while it is being written: its text so far, the tools in use, and whether an earlier try was lost. */
import { formatDuration } from "../../lib/format";
import type { LiveTurn } from "../../lib/views";
import { QuietButton } from "../ui/quiet-button";
import { AgentBlock, Meta } from "./bubbles";
import { RichText } from "./rich-text";
import { ToolChip } from "./tool-chip";

/** `turn` is `null` between the claim of a message and the first sign of its turn. */
export function RunningTurn({ turn, now, onStop }: { turn: LiveTurn | null; now: number; onStop: () => void }) {
  const text = turn?.text ?? "";
  const toolCalls = turn?.toolCalls ?? [];
  return (
    <article aria-label="Your agent is answering" aria-busy="true" data-testid="live-turn" className="appear mb-7">
      <AgentBlock>
        {toolCalls.length > 0 && (
          <div className="mb-2.5 flex flex-wrap gap-1.5">
            {toolCalls.map((call) => (
              <ToolChip key={call.callId} call={call} />
            ))}
          </div>
        )}
        {text === "" ? (
          <p className="streaming-caret text-ink-faint">{toolCalls.length > 0 ? "Working" : "Thinking"}</p>
        ) : (
          <div data-testid="live-text" className="streaming-text">
            <RichText text={text} />
          </div>
        )}
        <Meta>
          {turn !== null && <span className="tabular-nums">{formatDuration(now - turn.startedAt)}</span>}
          {turn !== null && turn.attempt > 1 && (
            <span className="text-wait">
              · Try {turn.attempt}: the one before did not finish, so this answer began anew
            </span>
          )}
          <QuietButton onClick={onStop}>Stop</QuietButton>
        </Meta>
      </AgentBlock>
    </article>
  );
}
