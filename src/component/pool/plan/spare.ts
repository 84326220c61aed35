/** Which workers are the reserve: free for whoever comes next, whether they are up or asleep. */
import type { PlanInput, PlannedWorker } from "./situation.js";

/** Workers that any conversation may have, under the policy as it is: nobody was given one yet, or all share them. */
export function isForAnybody({ scope, isolation }: PlannedWorker, { policy }: PlanInput): boolean {
  return isolation === policy.isolation && (scope === null || scope.kind === "shared");
}

/** Those of them that do nothing and that no waiting conversation is for. */
export function spares(
  workers: PlannedWorker[],
  { wanted }: { wanted: ReadonlySet<string> },
  input: PlanInput,
): PlannedWorker[] {
  return workers.filter((worker) => worker.load === 0 && isForAnybody(worker, input) && !wanted.has(worker.workerId));
}
