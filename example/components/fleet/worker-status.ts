/** What each status of a worker means to an operator, and which of them mean that a machine exists. */
import type { Worker, WorkerStatus } from "../../lib/views";
import type { Tone } from "../ui/tone";

export const STATUS_TONES: Record<WorkerStatus, Tone> = {
  starting: "wait",
  active: "good",
  suspended: "busy",
  draining: "move",
  stopping: "move",
  stopped: "quiet",
};

/** Statuses that pass by themselves; their dots breathe. */
const PASSING = new Set<WorkerStatus>(["starting", "draining", "stopping"]);

export function isPassing(status: WorkerStatus): boolean {
  return PASSING.has(status);
}

export function countMachines(workers: readonly Worker[]): number {
  return workers.filter(({ status }) => status !== "stopped").length;
}
