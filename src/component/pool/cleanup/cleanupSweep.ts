/** What one cleanup knows, and how it picks what to destroy: only what an earlier one has taken for left over as well, and never too much at once. */
import type { CleanupReport } from "../../../shared/reports.js";
import type { ActionCtx } from "../../functions.js";
import type { Provider } from "../../providers/provider.js";
import type { Ownership } from "../machines.js";
import type { Inventory } from "./report.js";

/** One night's work of a kind; more than this at once is a sign that something else is wrong, and is left for a person to see. */
export const MAX_DELETIONS = 50;
/** Below this many, no share of the pool is suspicious: most pools are small. */
const UNSUSPICIOUS_DELETIONS = 5;

export type Sweep = {
  ctx: ActionCtx;
  provider: Provider;
  ownership: Ownership;
  found: Inventory;
  report: CleanupReport;
  /** Ids of what an earlier cleanup has taken for left over. */
  seenBefore: ReadonlySet<string>;
  dryRun: boolean;
  /** The share of the pool's machines, or volumes, that may be destroyed at once, 1–100. */
  maxPercent: number;
  now: number;
  /** ms; what has not begun by then is left to the next one. */
  deadline: number;
};

/** The orphans that are destroyed now, of `owned` in all; the rest goes into `pending`. */
export function pickDue<Orphan>(
  { report, seenBefore, dryRun, maxPercent }: Sweep,
  kind: { noun: string; owned: number; pending: string[]; idOf: (orphan: Orphan) => string },
  orphans: Orphan[],
): Orphan[] {
  const { noun, owned, pending, idOf } = kind;
  const due = orphans.filter((orphan) => seenBefore.has(idOf(orphan)));
  pending.push(...orphans.filter((orphan) => !due.includes(orphan)).map(idOf));
  if (due.length > UNSUSPICIOUS_DELETIONS && due.length * 100 > owned * maxPercent) {
    report.errors.push(
      `${due.length} of the pool's ${owned} ${noun} look like orphans, which is more than ${maxPercent} %: nothing was destroyed. Look at them, then call again with a higher maxPercent.`,
    );
    return [];
  }
  if (!dryRun) return due;
  pending.push(...due.map(idOf));
  return [];
}

/** True when there is no time for another one, or enough is enough; says so in the report. */
export function isOver({ report, deadline }: Sweep, noun: string, deleted: number): boolean {
  if (deleted < MAX_DELETIONS && Date.now() < deadline) return false;
  report.warnings.push(`There are more orphan ${noun} than one run destroys: the rest is left for the next one.`);
  return true;
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown error";
}
