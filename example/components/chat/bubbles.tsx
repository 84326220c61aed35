/** How the two sides of a conversation look: what one said stands right, what the agent said runs across. */
import type { ReactNode } from "react";
import { Logo } from "../ui/icons";

export function UserBubble({ children, isWaiting = false }: { children: string; isWaiting?: boolean }) {
  // A message may be nothing but files.
  if (children.trim() === "") return null;
  return (
    <div
      className={`ml-auto w-fit max-w-[85%] rounded-2xl rounded-br-md border px-4 py-2 text-[15px] whitespace-pre-wrap wrap-anywhere ${
        isWaiting ? "border-dashed border-line-strong text-ink-soft" : "border-transparent bg-raised"
      }`}
    >
      {children}
    </div>
  );
}

export function AgentBlock({ children }: { children: ReactNode }) {
  return (
    <div className="flex gap-3.5">
      <span
        aria-hidden
        className="mt-0.5 grid size-7 shrink-0 place-items-center rounded-full bg-accent-wash text-accent"
      >
        <Logo className="size-4" />
      </span>
      <div className="min-w-0 flex-1 pt-0.5 text-[15px]">{children}</div>
    </div>
  );
}

export function Meta({ children, align = "left" }: { children: ReactNode; align?: "left" | "right" }) {
  return (
    <div
      className={`mt-1.5 flex items-center gap-1.5 text-xs text-ink-faint ${align === "right" ? "justify-end" : ""}`}
    >
      {children}
    </div>
  );
}
