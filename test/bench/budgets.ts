/** The budgets of `docs/architecture.md` as data, and which rows break them. */
import { HYDRATION_WINDOW_ENTRIES } from "../../src/component/conversations/transcript.js";
import type { Operation, OpsRow } from "./ops-cases.js";

type Budget = { read: number; readPerWorker?: number; written: number; scheduled: number; bytesWritten?: number };

export const BUDGETS: Record<Operation, Budget> = {
  enqueue: { read: 10, written: 5, scheduled: 1 },
  claim: { read: 16, written: 6, scheduled: 1 },
  claimEmpty: { read: 6, written: 0, scheduled: 0 },
  heartbeat: { read: 4, written: 1, scheduled: 0, bytesWritten: 1_024 },
  complete: { read: 16, written: 10, scheduled: 2 },
  fail: { read: 16, written: 10, scheduled: 2 },
  hydrate: { read: 16 + HYDRATION_WINDOW_ENTRIES, written: 0, scheduled: 0 },
  queueStats: { read: 24, written: 0, scheduled: 0 },
  reconcileIdle: { read: 12, readPerWorker: 3, written: 1, scheduled: 1 },
};

/** A sentence per broken budget; none when all hold. */
export function brokenBudgets(rows: readonly OpsRow[]): string[] {
  return rows.flatMap((row) => {
    const budget = BUDGETS[row.op];
    const read = budget.read + (budget.readPerWorker ?? 0) * row.workers;
    const limits = [
      ["documents read", row.documentsRead, read],
      ["documents written", row.documentsWritten, budget.written],
      ["functions scheduled", row.functionsScheduled, budget.scheduled],
      ["bytes written", row.bytesWritten, budget.bytesWritten ?? Infinity],
    ] as const;
    const size = `backlog ${row.backlog}, ${row.workers} workers, ${row.finishedWorkers} finished, history ${row.history}`;
    return limits
      .filter(([, actual, limit]) => actual > limit)
      .map(([what, actual, limit]) => `${row.op}: ${actual} ${what}, at most ${limit} (${size})`);
  });
}
