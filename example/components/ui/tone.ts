/** What a color means here: the same five meanings on every page. */
export type Tone = "good" | "wait" | "busy" | "move" | "bad" | "quiet";

export const TONE_TEXT: Record<Tone, string> = {
  good: "text-good",
  wait: "text-wait",
  busy: "text-busy",
  move: "text-move",
  bad: "text-bad",
  quiet: "text-ink-faint",
};

export const TONE_WASH: Record<Tone, string> = {
  good: "bg-good-wash text-good",
  wait: "bg-wait-wash text-wait",
  busy: "bg-busy-wash text-busy",
  move: "bg-move-wash text-move",
  bad: "bg-bad-wash text-bad",
  quiet: "bg-raised text-ink-soft",
};

export const TONE_DOT: Record<Tone, string> = {
  good: "bg-good",
  wait: "bg-wait",
  busy: "bg-busy",
  move: "bg-move",
  bad: "bg-bad",
  quiet: "bg-ink-faint",
};
