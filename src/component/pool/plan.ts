/**
 * What a pool should do next, as a pure function of what is wanted and what is observed.
 *
 * Level-triggered: it looks at the whole state and never at what happened before, so a lost step is simply planned again.
 */
import { assignDemand, drains, idleSince, spawns } from "./demand.js";
import { isDown, isSilent, missedBeatAt, orphans, ORPHAN_GRACE_MS, repair } from "./repair.js";
import { SILENCE_GRACE_MS, SPAWN_GRACE_MS, VANISHED_MS } from "./repair.js";
import type { PlanAction, PlanInput, PlannedWorker, SeenMachine } from "./situation.js";

/** A machine that was asked for and has not been seen yet is looked for again this soon. */
export const LOOK_AGAIN_MS = 10_000;

export function plan(input: PlanInput): PlanAction[] {
  const { repairs, usable, ...places } = consider(input);
  const demand = assignDemand(usable, input);
  const spawned = spawns(demand, usable, places.room, input);
  const drained = drains(demand, usable, { ...places, spawned: spawned.length }, input);
  return [...repairs, ...spawned, ...drained, ...orphans(input)];
}

/** True while messages wait for a place in a pool that has none: the next idle worker must then make way at once. */
export function isFull(input: PlanInput): boolean {
  const { usable, room } = consider(input);
  return assignDemand(usable, input).uncovered > room;
}

/** Repairs, and what is left to serve messages with: what is being repaired takes no work, but still exists and counts. */
function consider(input: PlanInput) {
  const byName = machinesByName(input.machines);
  const settled = input.workers.map((worker) => {
    return { worker, action: repair(worker, byName.get(worker.machineName) ?? null, input) };
  });
  const isGoing = ({ worker, action }: (typeof settled)[number]) =>
    action?.kind !== "forget" &&
    (worker.status === "draining" || worker.status === "stopping" || action?.kind === "fence");
  const remaining = settled.filter(({ action }) => action?.kind !== "forget").length;
  return {
    repairs: settled.flatMap(({ action }) => action ?? []),
    usable: settled
      .filter(({ worker, action }) => (action === null || action.kind === "adopt") && !isSilent(worker, input.now))
      .map(({ worker }) => worker),
    /** Places that are free. */
    room: Math.max(0, input.policy.maxWorkers - remaining),
    /** Workers above the limit. */
    surplus: Math.max(0, remaining - input.policy.maxWorkers),
    /** Workers whose places become free by themselves. */
    leaving: settled.filter(isGoing).length,
  };
}

function machinesByName(machines: SeenMachine[]): Map<string, SeenMachine> {
  const byName = new Map<string, SeenMachine>();
  for (const machine of machines) {
    // A name is free again once its machine is gone, so the living one is the one that counts.
    if (machine.state !== "gone" || !byName.has(machine.name)) byName.set(machine.name, machine);
  }
  return byName;
}

/** When the plan could change without anything else happening; `null` when it cannot. Always after `now`. */
export function nextDeadline(input: PlanInput): number | null {
  const { now, policy, workers, machines } = input;
  const byName = machinesByName(machines);
  const deadlines = workers.flatMap((worker) => workerDeadlines(worker, byName.get(worker.machineName) ?? null, input));
  if (input.spawnHeldUntil !== null) deadlines.push(input.spawnHeldUntil);
  if (workers.length > 0) deadlines.push(now + policy.reconcileIntervalMs);
  const names = new Set(workers.map(({ machineName }) => machineName));
  for (const { name, state, createdAt } of machines) {
    if (names.has(name) || state === "gone") continue;
    const isYoung = now < createdAt + ORPHAN_GRACE_MS;
    deadlines.push(isYoung ? createdAt + ORPHAN_GRACE_MS : now + policy.reconcileIntervalMs);
  }
  // One that has passed was acted upon already, or the policy forbids it (a minimum to keep): waiting for it would spin.
  const ahead = deadlines.filter((deadline) => deadline > now);
  return ahead.length === 0 ? null : Math.min(...ahead);
}

function workerDeadlines(worker: PlannedWorker, machine: SeenMachine | null, { now, policy }: PlanInput): number[] {
  const deadlines: number[] = [];
  const isStillAppearing = worker.machineId === null && now < worker.statusSince + VANISHED_MS;
  if (isStillAppearing) deadlines.push(now + LOOK_AGAIN_MS);
  switch (worker.status) {
    case "starting":
      deadlines.push(worker.createdAt + policy.bootDeadlineMs);
      if (worker.machineId === null) deadlines.push(worker.createdAt + SPAWN_GRACE_MS);
      break;
    case "draining":
      deadlines.push(worker.statusSince + policy.drainDeadlineMs);
      break;
    case "stopping":
      deadlines.push(isStillAppearing && machine === null ? worker.statusSince + VANISHED_MS : worker.destroyAt);
      break;
    case "active":
      if (worker.load === 0) deadlines.push(idleSince(worker) + policy.idleTimeoutMs);
      break;
    case "suspended":
    case "stopped":
  }
  const { heartbeatExpiresAt } = worker;
  if (heartbeatExpiresAt !== null && worker.status !== "stopping") {
    deadlines.push(heartbeatExpiresAt, heartbeatExpiresAt + SILENCE_GRACE_MS);
    if (machine !== null && isDown(machine.state)) deadlines.push(missedBeatAt(worker));
  }
  return deadlines;
}
