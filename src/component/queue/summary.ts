/** What a turn is told about messages that overflow dropped before it: pure, and bounded however many there were. */
import type { Infer } from "convex/values";
import { shorten } from "../../shared/text.js";
import type { vDroppedSummary } from "./tables.js";

export type DroppedSummary = Infer<typeof vDroppedSummary>;

/** Lines a summary keeps: what a person would still read. */
export const MAX_BULLETS = 20;
/** A line each: enough to recognize a message, not to answer it. */
const MAX_BULLET_CHARACTERS = 160;

/** One dropped message as a summary of its own. */
export function summarize(messageText: string): DroppedSummary {
  const line = messageText.replace(/\s+/g, " ").trim();
  return { bullets: [line === "" ? "(a message without text)" : shorten(line, MAX_BULLET_CHARACTERS)], more: 0 };
}

/** Puts summaries together, older first; beyond {@link MAX_BULLETS} the oldest lines become a number. */
export function mergeSummaries(...parts: (DroppedSummary | undefined)[]): DroppedSummary | undefined {
  const present = parts.filter((part) => part !== undefined);
  if (present.length === 0) return undefined;
  const bullets = present.flatMap((part) => part.bullets);
  const more = present.reduce((total, part) => total + part.more, 0);
  return { bullets: bullets.slice(-MAX_BULLETS), more: more + Math.max(0, bullets.length - MAX_BULLETS) };
}

/** The summary as the agent reads it. */
export function summaryText({ bullets, more }: DroppedSummary): string {
  const total = bullets.length + more;
  const intro = `${total} earlier message${total === 1 ? " was" : "s were"} dropped, because too many were waiting:`;
  const rest = more === 0 ? [] : [`- (${more} more before these)`];
  return [intro, ...rest, ...bullets.map((bullet) => `- ${bullet}`)].join("\n");
}
