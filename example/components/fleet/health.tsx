"use client";
/** Whether the pool can do its work, and if not, what is in its way and what to do. */
import { formatAgo, formatDuration } from "../../lib/format";
import type { PoolHealth } from "../../lib/views";
import { Notice } from "../ui/notice";
import { useNow } from "../ui/now";
import { Skeleton } from "../ui/skeleton";
import { TONE_DOT } from "../ui/tone";

const RECONCILE_WORDS: Record<PoolHealth["reconcile"], string | null> = {
  idle: null,
  scheduled: "reconciling soon",
  running: "reconciling now",
};

/** `null` while the provider is asked as always. */
function breakerWords({ state, nextTryAt }: PoolHealth["breaker"], now: number): string | null {
  if (state === "closed") return null;
  if (state === "half_open") return "trying the provider once";
  const waitMs = (nextTryAt ?? now) - now;
  return `provider left alone${waitMs > 0 ? `, tried again in ${formatDuration(waitMs)}` : ""}`;
}

export function HealthLine({ health }: { health: PoolHealth | undefined }) {
  const now = useNow();
  if (health === undefined) return <Skeleton className="mt-2 h-4 w-64" />;
  const reconciled =
    health.lastReconciledAt === null ? "never reconciled" : `reconciled ${formatAgo(health.lastReconciledAt, now)}`;
  const { poolKey, reconcile, breaker } = health;
  const details = [`Pool ${poolKey}`, breakerWords(breaker, now) ?? RECONCILE_WORDS[reconcile] ?? reconciled];
  return (
    <p className="mt-1 flex flex-wrap items-center gap-x-2 text-[13px] text-ink-soft">
      <span aria-hidden className={`size-2 rounded-full ${health.problem === null ? TONE_DOT.good : TONE_DOT.bad}`} />
      {health.problem === null ? "Healthy" : "Needs attention"}
      <span className="text-ink-faint">{details.map((detail) => `· ${detail}`).join(" ")}</span>
    </p>
  );
}

export function HealthProblem({ health }: { health: PoolHealth | undefined }) {
  const now = useNow();
  const problem = health?.problem ?? null;
  if (problem === null) return null;
  return (
    <div className="mt-5">
      <Notice tone="bad" title={`${toWords(problem.kind)} · ${formatAgo(problem.at, now)}`}>
        {problem.message}
      </Notice>
    </div>
  );
}

/** `provider_unreachable` is `Provider unreachable`. */
function toWords(kind: string): string {
  const words = kind.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
