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

/** What there is of one kind, whose it is, and where the report says so. */
type Kind<Thing> = {
  noun: string;
  things: Thing[];
  idOf: (thing: Thing) => string;
  judge: (thing: Thing) => string;
  /** Lists of the report that are filled: what is not ours, and ours that waits for a second look. */
  foreign: string[];
  pending: string[];
};

/** The orphans of a kind, and those of them that are destroyed now; the report names the rest. */
export function sortOut<Thing>(sweep: Sweep, kind: Kind<Thing>): { orphanIds: string[]; due: Thing[] } {
  const verdicts = kind.things.map((thing) => ({ thing, verdict: kind.judge(thing) }));
  const judged = (wanted: string) => verdicts.filter(({ verdict }) => verdict === wanted).map(({ thing }) => thing);
  const foreign = judged("foreign");
  kind.foreign.push(...foreign.map(kind.idOf));
  const orphans = judged("orphan");
  const due = pickDue(sweep, kind, { orphans, owned: kind.things.length - foreign.length });
  return { orphanIds: orphans.map(kind.idOf), due };
}

function pickDue<Thing>(
  { report, seenBefore, dryRun, maxPercent }: Sweep,
  { noun, pending, idOf }: Kind<Thing>,
  { orphans, owned }: { orphans: Thing[]; owned: number },
): Thing[] {
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
