/** Removes the rows of scheduled functions that ended long ago, so that a deployment can run for months. */
import { clearInterval, setInterval } from "node:timers";
import type { ConvexTestInternals, Document } from "./convex-test-types.js";
import type { DocumentChange } from "./read-sets.js";
import { stateOf } from "./run-job.js";
import { JOBS_TABLE } from "./schedule-syscalls.js";

/** Convex keeps results as long. */
const RETENTION_MS = 7 * 24 * 60 * 60 * 1000;
/** Beyond this number the oldest go earlier: rows carry arguments, and all of them are in memory. */
const MAX_FINISHED = 2_000;
const CHECK_INTERVAL_MS = 60_000;
/** Rows per transaction: it must not hold up others for long. */
const BATCH = 500;

interface FinishedJob {
  ownerPath: string;
  id: string;
  completedAt: number;
}

export class JobRetention {
  /** In the order in which they ended. */
  private finished: FinishedJob[] = [];
  private readonly timer: NodeJS.Timeout;
  private isRunning = false;

  constructor(
    private readonly internals: ConvexTestInternals,
    private readonly now: () => number,
    log: (line: string) => void,
  ) {
    this.timer = setInterval(() => {
      this.removeOld().catch((error: unknown) => log(`[CONVEX] Old jobs could not be removed: ${String(error)}`));
    }, CHECK_INTERVAL_MS).unref();
  }

  /** Follows commits to the tables of jobs, and their content when the engine opens. */
  apply(ownerPath: string, { before, after }: DocumentChange): void {
    if (after === null || !hasEnded(after) || (before !== null && hasEnded(before))) return;
    this.finished.push({
      ownerPath,
      id: after._id,
      completedAt: Number(after["completedTime"] ?? after._creationTime),
    });
  }

  /** @returns how many rows were removed. */
  async removeOld(): Promise<number> {
    if (this.isRunning) return 0;
    this.isRunning = true;
    try {
      const cutoff = this.now() - RETENTION_MS;
      const surplus = this.finished.length - MAX_FINISHED;
      const old = this.finished.filter(({ completedAt }, at) => at < surplus || completedAt < cutoff);
      const gone = new Set(old);
      this.finished = this.finished.filter((job) => !gone.has(job));
      const byOwner = groupByOwner(old);
      for (const [ownerPath, jobs] of byOwner) {
        for (let start = 0; start < jobs.length; start += BATCH) {
          await this.remove(ownerPath, jobs.slice(start, start + BATCH));
        }
      }
      return old.length;
    } finally {
      this.isRunning = false;
    }
  }

  /** How many rows of ended jobs there are. */
  get size(): number {
    return this.finished.length;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async remove(ownerPath: string, jobs: readonly FinishedJob[]): Promise<void> {
    const db = this.internals.global.components[ownerPath]?.db;
    if (db === undefined) return;
    await this.internals.accessor.runInComponent(ownerPath, async () => {
      for (const { id } of jobs) if (db.get(JOBS_TABLE, id) !== null) db.delete(JOBS_TABLE, id);
    });
  }
}

function hasEnded(job: Document): boolean {
  const state = stateOf(job);
  return state !== "pending" && state !== "inProgress";
}

function groupByOwner(jobs: readonly FinishedJob[]): Map<string, FinishedJob[]> {
  const groups = new Map<string, FinishedJob[]>();
  for (const job of jobs) {
    const group = groups.get(job.ownerPath);
    if (group === undefined) groups.set(job.ownerPath, [job]);
    else group.push(job);
  }
  return groups;
}
