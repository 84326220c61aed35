/** Puts what was said and what still waits into one list, with the gaps at which a time is worth showing. */
import type { ConversationView } from "./views";

type TranscriptEntry = ConversationView["contextHistory"][number];

/** People read a pause of this length as a new sitting. */
const PAUSE_MS = 10 * 60_000;

export interface TimelineEntry extends TranscriptEntry {
  /** Entries carry no id; their place from the newest end changes, their time and place among equals does not. */
  key: string;
  startsSitting: boolean;
  /** For a note of the system right after a user's message: that message, which got no answer. */
  unanswered: string | null;
}

export function buildTimeline(history: readonly TranscriptEntry[]): TimelineEntry[] {
  const seen = new Map<string, number>();
  return history.map((entry, index) => {
    const identity = `${entry.at}:${entry.role}`;
    const repetition = seen.get(identity) ?? 0;
    seen.set(identity, repetition + 1);
    const previous = history[index - 1];
    return {
      ...entry,
      key: `${identity}:${repetition}`,
      startsSitting: previous === undefined || entry.at - previous.at >= PAUSE_MS,
      unanswered: entry.role === "system" && previous?.role === "user" ? previous.content : null,
    };
  });
}
