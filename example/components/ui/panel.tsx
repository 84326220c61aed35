/** A titled surface, and the rows of names and values that most of them hold. */
import type { ReactNode } from "react";

export function Panel({
  title,
  hint,
  action,
  children,
  className = "",
}: {
  title: string;
  hint?: ReactNode;
  action?: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  return (
    <section className={`rounded-2xl border border-line bg-surface ${className}`}>
      <header className="flex items-center justify-between gap-3 px-5 pt-4 pb-1">
        <div className="flex min-w-0 flex-wrap items-baseline gap-x-2.5">
          <h2 className="text-[13px] font-semibold">{title}</h2>
          {hint !== undefined && <p className="hidden text-xs text-ink-faint sm:block">{hint}</p>}
        </div>
        {action}
      </header>
      {children}
    </section>
  );
}

export function Facts({ children }: { children: ReactNode }) {
  return <dl className="grid gap-y-2 px-5 pt-2 pb-5 text-[13px]">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex items-baseline justify-between gap-4">
      <dt className="shrink-0 text-ink-faint">{name}</dt>
      <dd className="min-w-0 text-right wrap-anywhere tabular-nums">{children}</dd>
    </div>
  );
}
