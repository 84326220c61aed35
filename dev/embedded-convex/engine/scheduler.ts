/** Starts scheduled functions when they are due. */
import type { Alarm, Clock } from "./clock.js";
import type { Document } from "./convex-test-types.js";
import type { DocumentChange } from "./read-sets.js";
import { runJob, setState, stateOf, type JobSurroundings } from "./run-job.js";
import { SortedList } from "./sorted-list.js";

/** As many actions as Convex's smallest plan runs at a time; more of them wait, in the order of their times. */
const MAX_RUNNING_JOBS = 64;
/** How long a job waits whose outcome could not be saved: a full disk needs somebody to do something. */
const UNSAVED_RETRY_MS = 5_000;

interface PendingJob {
  time: number;
  ownerPath: string;
  id: string;
}

export class Scheduler {
  private readonly pending = new SortedList<PendingJob>(compareJobs);
  private readonly running = new Set<Promise<void>>();
  private readonly interrupted: PendingJob[] = [];
  private readonly alarm: Alarm;
  private isStarted = false;

  /** @param find the current state of a job. */
  constructor(
    private readonly clock: Clock,
    private readonly surroundings: JobSurroundings,
    private readonly find: (ownerPath: string, id: string) => Document | undefined,
    private readonly inCleanContext: (run: () => void) => void,
  ) {
    this.alarm = clock.createAlarm(() => this.startDue());
  }

  /** Follows commits to the tables of jobs, and their content when the engine opens. */
  apply(ownerPath: string, { before, after }: DocumentChange): void {
    if (before !== null && stateOf(before) === "pending") this.pending.delete(entryOf(ownerPath, before));
    if (after !== null && stateOf(after) === "pending") this.pending.insert(entryOf(ownerPath, after));
    if (!this.isStarted && after !== null && stateOf(after) === "inProgress") {
      this.interrupted.push(entryOf(ownerPath, after));
    }
    this.rearm();
  }

  /** Ends what the last process left running, and starts to run what is due. */
  async start(): Promise<void> {
    this.isStarted = true;
    for (const { ownerPath, id } of this.interrupted.splice(0)) {
      const end = { kind: "failed", error: "The backend stopped while this action was running." } as const;
      await setState(this.surroundings, ownerPath, id, "inProgress", end);
    }
    this.rearm();
  }

  /** Starts nothing more. Jobs that run are not waited for; those that wait stay in the database. */
  stop(): void {
    this.isStarted = false;
    this.alarm.clear();
  }

  /** How many jobs wait for their time. */
  get size(): number {
    return this.pending.size;
  }

  /** What is running now. */
  get inFlight(): readonly Promise<void>[] {
    return [...this.running];
  }

  private rearm(): void {
    if (!this.isStarted || this.running.size >= MAX_RUNNING_JOBS) return;
    const first = this.pending.at({ block: 0, offset: 0 });
    if (first !== undefined) this.inCleanContext(() => this.alarm.set(first.time));
  }

  private startDue(): void {
    while (this.isStarted && this.running.size < MAX_RUNNING_JOBS) {
      const job = this.pending.at({ block: 0, offset: 0 });
      if (job === undefined || job.time > this.clock.now()) break;
      this.pending.delete(job);
      this.startJob(job);
    }
    this.rearm();
  }

  private startJob(job: PendingJob): void {
    const document = this.find(job.ownerPath, job.id);
    if (document === undefined) return;
    const run = runJob(this.surroundings, job.ownerPath, document)
      .catch((error: unknown) => {
        this.surroundings.log(`[CONVEX] The end of scheduled function ${job.id} could not be saved: ${String(error)}`);
        // Still pending, then it runs again: its first run has left no trace.
        const current = this.find(job.ownerPath, job.id);
        if (current === undefined || stateOf(current) !== "pending") return;
        this.pending.insert({ ...job, time: this.clock.now() + UNSAVED_RETRY_MS });
      })
      .finally(() => {
        this.running.delete(run);
        this.rearm();
      });
    this.running.add(run);
  }
}

function entryOf(ownerPath: string, job: Document): PendingJob {
  return { time: Number(job["scheduledTime"]), ownerPath, id: job._id };
}

function compareJobs(a: PendingJob, b: PendingJob): number {
  if (a.time !== b.time) return a.time - b.time;
  if (a.id !== b.id) return a.id < b.id ? -1 : 1;
  return a.ownerPath === b.ownerPath ? 0 : a.ownerPath < b.ownerPath ? -1 : 1;
}
