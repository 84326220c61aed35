/** Puts what was said and what still waits into one list, with the gaps at which a time is worth showing. */
import type { ShownFile } from "./files";
import type { ConversationView } from "./views";

type TranscriptEntry = ConversationView["contextHistory"][number];

/** People read a pause of this length as a new sitting. */
const PAUSE_MS = 10 * 60_000;

export interface TimelineEntry extends Omit<TranscriptEntry, "file" | "attachments"> {
  /** Entries carry no id; their place from the newest end changes, their time and place among equals does not. */
  key: string;
  startsSitting: boolean;
  /** What a user sent with the message, or the agent with its answer. */
  files: readonly ShownFile[];
  /** For a note of the system right after a user's message: that message, which got no answer. */
  unanswered: { text: string; hasFiles: boolean } | null;
}

export function buildTimeline(history: readonly TranscriptEntry[]): TimelineEntry[] {
  const seen = new Map<string, number>();
  const timeline: TimelineEntry[] = [];
  /** Handed over before the answer they belong to is complete. */
  let handedOver: ShownFile[] = [];
  for (const [index, { file, attachments, ...entry }] of history.entries()) {
    if (file !== undefined) handedOver.push(file);
    // The entry of a file only names it; the answer comes after it, unless it is cut off or the conversation moved on.
    const next = history[index + 1]?.role;
    if (file !== undefined && (next === "assistant" || next === "tool")) continue;
    const identity = `${entry.at}:${entry.role}`;
    const repetition = seen.get(identity) ?? 0;
    seen.set(identity, repetition + 1);
    const previous = timeline.at(-1);
    const isNote = entry.role === "system" && previous?.role === "user";
    const files = entry.role === "assistant" ? handedOver : (attachments ?? []);
    if (entry.role === "assistant") handedOver = [];
    timeline.push({
      ...entry,
      content: file === undefined ? entry.content : "",
      key: `${identity}:${repetition}`,
      startsSitting: previous === undefined || entry.at - previous.at >= PAUSE_MS,
      files,
      unanswered: isNote ? { text: previous.content, hasFiles: previous.files.length > 0 } : null,
    });
  }
  return timeline;
}
