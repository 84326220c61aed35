/** A tool the agent is using or has used in this turn. */
import type { ToolCall } from "../../lib/views";
import { CheckIcon, CrossIcon } from "../ui/icons";

const WORDS: Record<ToolCall["status"], string> = {
  pending: "about to run",
  running: "running",
  done: "done",
  failed: "failed",
};

export function ToolChip({ call }: { call: ToolCall }) {
  return (
    <span className="appear inline-flex items-center gap-1.5 rounded-lg border border-line bg-surface px-2 py-0.5 font-mono text-xs text-ink-soft">
      <ToolState status={call.status} />
      {call.toolName}
      <span className="sr-only">{WORDS[call.status]}</span>
    </span>
  );
}

function ToolState({ status }: { status: ToolCall["status"] }) {
  switch (status) {
    case "done":
      return <CheckIcon className="size-3 text-good" />;
    case "failed":
      return <CrossIcon className="size-3 text-bad" />;
    case "pending":
    case "running":
      return <span aria-hidden className="pulse mx-0.5 size-2 rounded-full bg-busy" />;
  }
}
