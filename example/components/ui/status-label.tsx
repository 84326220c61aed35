/** A status as a colored dot and a word; the word carries the meaning, the color only repeats it. */
import { TONE_DOT, TONE_WASH, type Tone } from "./tone";

export function StatusLabel({ tone, live = false, children }: { tone: Tone; live?: boolean; children: string }) {
  return (
    <span
      className={`inline-flex items-center gap-1.5 rounded-full py-0.5 pr-2.5 pl-2 text-xs font-medium whitespace-nowrap ${TONE_WASH[tone]}`}
    >
      <span aria-hidden className={`size-1.5 rounded-full ${TONE_DOT[tone]} ${live ? "pulse" : ""}`} />
      {children}
    </span>
  );
}
