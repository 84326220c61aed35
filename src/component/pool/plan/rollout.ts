/**
 * The part of the plan that replaces machines of an earlier image or configuration: one at a time, each when it is idle, and with
 * the new one up before the old one goes, where the policy wants somebody to be up and there is a place.
 */
import { OUTDATED } from "./repair.js";
import type { PlanAction, PlanInput, PlannedWorker } from "./situation.js";

const isOld = ({ isOutdated }: PlannedWorker) => isOutdated === true;

/** True while an outdated worker is on its way out: the next one waits until it is gone. */
function isUnderWay({ workers }: PlanInput): boolean {
  return workers.some((worker) => isOld(worker) && (worker.status === "draining" || worker.status === "stopping"));
}

/** How many of `up` are not counted on because their successor is asked for first: one at a time. */
export function surge(up: PlannedWorker[], input: PlanInput): number {
  return up.some(isOld) && !isUnderWay(input) ? 1 : 0;
}

/** The outdated worker that goes now, if one may. Those that sleep go by themselves, see `repair.ts`. */
export function replacements(up: PlannedWorker[], wanted: Set<string>, room: number, input: PlanInput): PlanAction[] {
  if (isUnderWay(input)) return [];
  const active = up.filter(({ status }) => status === "active");
  const isSuccessorComing = room > 0 || up.length > active.length;
  // In a full pool the place must be free before the new one can be asked for.
  if (active.length - 1 < input.policy.minWorkers && isSuccessorComing) return [];
  const idle = active.filter((worker) => isOld(worker) && worker.load === 0 && !wanted.has(worker.workerId));
  const [first] = idle.sort((left, right) => left.lastActiveAt - right.lastActiveAt);
  return first === undefined ? [] : [{ kind: "drain", workerId: first.workerId, reason: OUTDATED }];
}
