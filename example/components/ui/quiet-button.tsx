/** A button among small print: there for whoever looks for it, in nobody's way. */
import type { ReactNode } from "react";

export function QuietButton({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      className="rounded px-1 text-ink-soft underline decoration-line-strong underline-offset-2 transition hover:text-ink hover:decoration-current"
      onClick={onClick}
    >
      {children}
    </button>
  );
}
