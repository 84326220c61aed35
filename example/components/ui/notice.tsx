/** A few words that must not be missed: what happened, what to do, and the button that does it. */
import type { ReactNode } from "react";
import { TONE_TEXT, TONE_WASH, type Tone } from "./tone";

export function Notice({
  tone,
  title,
  children,
  action,
}: {
  tone: Tone;
  title?: string;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div
      role={tone === "bad" ? "alert" : "status"}
      className={`appear flex w-full flex-wrap items-center gap-x-4 gap-y-3 rounded-xl px-4 py-3 text-[13px] ${TONE_WASH[tone]}`}
    >
      <div className="min-w-0 flex-1 basis-64">
        {title !== undefined && <p className={`font-semibold ${TONE_TEXT[tone]}`}>{title}</p>}
        <div className="mt-0.5 wrap-anywhere text-ink">{children}</div>
      </div>
      {action}
    </div>
  );
}
