/** The part of the plan about workers that have nothing to do: who makes way, who is put to sleep, who goes. */
import { isAsleep, isAvailable, type Demand } from "./demand.js";
import { seconds } from "./repair.js";
import { surge } from "./rollout.js";
import { isForAnybody, spares } from "./spare.js";
import type { PlanAction, PlanInput, PlannedWorker } from "./situation.js";

/** What there is of places: free ones, workers above the limit, and places about to become free. */
type Places = { room: number; surplus: number; leaving: number };

const isIdle = ({ status, load }: PlannedWorker) => status === "active" && load === 0;

/**
 * Idle workers that must go now: the pool is full and others wait for their place, or it is larger than it may be. Those that
 * have been idle longest go first, and so do those that sleep.
 */
export function evictions(demand: Demand, usable: PlannedWorker[], places: Places, input: PlanInput): PlanAction[] {
  const { room, surplus, leaving } = places;
  const { policy, spawnLimit } = input;
  const blocked = Math.max(0, demand.uncovered - room);
  // Places that are about to become free count, or every run would push out one more.
  const toFree = surplus + Math.min(blocked, policy.spawnStep) - leaving;
  const free = Math.max(0, room - demand.uncovered) + Math.max(0, -toFree);
  const forSpares = Math.min(policy.warmWorkers - spares(usable, demand, input).length, spawnLimit) - free;
  if (toFree <= 0 && forSpares <= 0) return [];
  const idle = usable
    .filter((worker) => isIdle(worker) || isAsleep(worker))
    .sort((left, right) => left.lastActiveAt - right.lastActiveAt);
  const isWanted = ({ workerId }: PlannedWorker) => demand.wanted.has(workerId);
  const others = idle.filter((worker) => !isWanted(worker));
  const evicted = others.splice(0, Math.max(0, toFree));
  // Above its limit the pool shrinks even if a message is for the worker that is free: another one serves it next.
  const surplusLeft = Math.max(0, surplus - leaving - evicted.length);
  evicted.push(...idle.filter(isWanted).slice(0, surplusLeft));
  evicted.push(...placesForSpares(others, forSpares, input));
  return evicted.map(({ workerId }): PlanAction => {
    return { kind: "drain", workerId, reason: "It is idle and its place is needed." };
  });
}

/**
 * In a full pool a sleeper that is one conversation's own makes way for a spare: whoever comes next, that conversation included,
 * then wakes the spare instead of waiting for a machine. Machines are made as often as without.
 */
function placesForSpares(idle: PlannedWorker[], count: number, input: PlanInput): PlannedWorker[] {
  const isOneOwn = (worker: PlannedWorker) => worker.scope !== null && !isForAnybody(worker, input);
  // One that is being put to sleep right now is left alone until it does.
  const isSettled = (worker: PlannedWorker) => isAsleep(worker) && input.now >= worker.powerAt;
  return idle.filter((worker) => isSettled(worker) && isOneOwn(worker)).slice(0, Math.max(0, count));
}

/** When an idle worker has been so for long enough, and what happens to it then. */
function restOf({ canSuspend, machineId, isOutdated }: PlannedWorker, { policy }: PlanInput) {
  const { suspendAfterMs, idleTimeoutMs } = policy;
  // What is to be replaced is not worth keeping.
  const sleeps = canSuspend && isOutdated !== true && machineId !== null && suspendAfterMs <= idleTimeoutMs;
  return sleeps ? { afterMs: suspendAfterMs, machineId } : { afterMs: idleTimeoutMs, machineId: null };
}

/** When an idle worker may be put to rest: which of the two it is depends on whether its machine is seen to run by then. */
export function restDeadlines(worker: PlannedWorker, { policy }: PlanInput): number[] {
  const since = idleSince(worker);
  return [since + policy.idleTimeoutMs, ...(worker.canSuspend ? [since + policy.suspendAfterMs] : [])];
}

/**
 * Idle workers are put to sleep, or drained where they cannot be, beyond those that the policy wants to be up.
 *
 * @param coming workers that were just asked for
 */
export function rests(
  demand: Demand,
  usable: PlannedWorker[],
  going: Set<string>,
  coming: number,
  input: PlanInput,
): PlanAction[] {
  const { now, policy } = input;
  const staying = usable.filter((worker) => isAvailable(worker) && !going.has(worker.workerId));
  // As when machines are asked for, an outdated one is not counted on: its successor is.
  const isReplacing = usable.some(({ workerId, isOutdated }) => isOutdated === true && going.has(workerId));
  const outgoing = isReplacing ? 0 : surge(staying, input);
  let beyondMinimum = staying.length - outgoing + coming - policy.minWorkers;
  const present = usable.filter(({ workerId }) => !going.has(workerId));
  const reserve = new Set(spares(present, demand, input).map(({ workerId }) => workerId));
  const actions: PlanAction[] = [];
  // A spare that sleeps goes only when there are more of them than the policy wants.
  for (const worker of present) {
    const { workerId, statusSince } = worker;
    if (!isAsleep(worker) || !reserve.has(workerId) || reserve.size <= policy.warmWorkers) continue;
    if (now - statusSince < policy.retireAfterMs) continue;
    reserve.delete(workerId);
    actions.push({ kind: "drain", workerId, reason: `It slept for ${seconds(policy.retireAfterMs)}.` });
  }
  const idle = staying.filter(isIdle).sort((left, right) => left.lastActiveAt - right.lastActiveAt);
  for (const worker of idle) {
    const { workerId } = worker;
    if (demand.wanted.has(workerId) || beyondMinimum <= 0) continue;
    const { afterMs, machineId } = restOf(worker, input);
    const idleFor = now - idleSince(worker);
    const isSpare = reserve.has(workerId);
    // Nobody is about to come back to one that nobody has had: it sleeps at once.
    const isUnused = isSpare && worker.scope === null && machineId !== null && reserve.size <= policy.warmWorkers;
    if (idleFor < afterMs && !isUnused) continue;
    if (isSpare && machineId === null) {
      if (reserve.size <= policy.warmWorkers) continue;
      reserve.delete(workerId);
    }
    beyondMinimum -= 1;
    const reason = `It was idle for ${seconds(idleFor)}.`;
    actions.push(
      machineId === null ? { kind: "drain", workerId, reason } : { kind: "suspend", workerId, machineId, reason },
    );
  }
  return actions;
}

function idleSince({ lastActiveAt, statusSince }: PlannedWorker): number {
  return Math.max(lastActiveAt, statusSince);
}
