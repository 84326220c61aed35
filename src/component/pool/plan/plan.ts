/**
 * What a pool should do next, as a pure function of what is wanted and what is observed.
 *
 * Level-triggered: it looks at the whole state and never at what happened before, so a lost step is simply planned again.
 */
import { assignDemand, isAsleep, isAvailable, resumes, spawns } from "./demand.js";
import { evictions, restDeadlines, rests } from "./idle.js";
import { replacements } from "./rollout.js";
import { ORPHAN_GRACE_MS } from "./orphans.js";
import { isDown, isSilent, missedBeatAt, orphans, repair } from "./repair.js";
import { SILENCE_GRACE_MS, SPAWN_GRACE_MS, VANISHED_MS } from "./repair.js";
import type { PlanAction, PlanInput, PlannedWorker, SeenMachine } from "./situation.js";

/** A pool whose workers all sleep is looked at this often: a machine that woke up by itself costs cents until then. */
const SLEEPERS_INTERVAL_MS = 10 * 60_000;
/** A machine that was asked for and has not been seen yet is looked for again this soon. */
export const LOOK_AGAIN_MS = 10_000;

export function plan(input: PlanInput): PlanAction[] {
  const { repairs, usable, ...places } = consider(input);
  const forgotten = workersOf(repairs.filter(({ kind }) => kind === "forget"));
  const leaving = workersOf(repairs.filter(({ kind }) => kind === "fence" || kind === "drain"));
  // As the rows will be: nothing that is decided below may look different once this is written down.
  const left: PlanInput = {
    ...input,
    workers: input.workers
      .filter(({ workerId }) => !forgotten.has(workerId))
      .map((worker) => (leaving.has(worker.workerId) ? { ...worker, status: "stopping" } : worker)),
  };
  const demand = assignDemand(usable, input);
  const evicted = evictions(demand, usable, places, input);
  // While others wait for a place, places are what it is about: who is idle makes way for them first.
  const isContended = places.surplus > 0 || demand.uncovered > places.room;
  const replaced = isContended ? [] : replacements(usable.filter(isAvailable), demand.wanted, places.room, left);
  const going = workersOf([...evicted, ...replaced]);
  const woken = resumes(demand, usable, going, input);
  const wokenIds = workersOf(woken);
  const up = usable.filter((worker) => isAvailable(worker) || wokenIds.has(worker.workerId));
  const staying = usable.filter(({ workerId }) => !going.has(workerId));
  const spawned = spawns(demand, { up, staying, room: places.room }, left);
  const rested = rests(demand, usable, going, woken.length + spawned.length, left);
  // Whoever is wanted, or must go, is not frozen first.
  const isOverruled = (action: PlanAction) =>
    (action.kind === "suspend" || action.kind === "keep_awake" || action.kind === "look") &&
    (wokenIds.has(action.workerId) || going.has(action.workerId));
  const repaired = repairs.filter((action) => !isOverruled(action));
  return [...repaired, ...woken, ...spawned, ...evicted, ...replaced, ...rested, ...orphans(input)];
}

function workersOf(actions: PlanAction[]): Set<string> {
  return new Set(actions.flatMap((action) => ("workerId" in action ? [action.workerId] : [])));
}

/** True while messages wait for a place in a pool that has none: the next idle worker must then make way at once. */
export function isFull(input: PlanInput): boolean {
  const { usable, room } = consider(input);
  return assignDemand(usable, input).uncovered > room;
}

/** Repairs after which the worker is there as before. */
const STAYS: ReadonlySet<PlanAction["kind"]> = new Set(["adopt", "suspend", "resume", "keep_awake", "look"]);

/** Repairs, and what is left to serve messages with: what is being repaired takes no work, but still exists and counts. */
function consider(input: PlanInput) {
  const byName = machinesByName(input.machines);
  const settled = input.workers.map((worker) => {
    return { worker, action: repair(worker, byName.get(worker.machineName) ?? null, input) };
  });
  const isLeaving = ({ status }: PlannedWorker) => status === "draining" || status === "stopping";
  const isGoing = ({ worker, action }: (typeof settled)[number]) =>
    action?.kind !== "forget" && (isLeaving(worker) || action?.kind === "fence" || action?.kind === "drain");
  const isUsable = ({ worker, action }: (typeof settled)[number]) =>
    !isLeaving(worker) && !isSilent(worker, input.now) && (action === null || STAYS.has(action.kind));
  const remaining = settled.filter(({ action }) => action?.kind !== "forget").length;
  return {
    repairs: settled.flatMap(({ action }) => action ?? []),
    usable: settled.filter(isUsable).map(({ worker, action }) => ({
      ...worker,
      // What is learned of a machine now may be acted upon at once, and only what runs can be frozen.
      machineId: action?.kind === "adopt" ? action.machineId : worker.machineId,
      canSuspend: worker.canSuspend && byName.get(worker.machineName)?.state === "running",
    })),
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
  const isQuiet = workers.every(isAsleep);
  if (workers.length > 0) deadlines.push(now + (isQuiet ? SLEEPERS_INTERVAL_MS : policy.reconcileIntervalMs));
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

function workerDeadlines(worker: PlannedWorker, machine: SeenMachine | null, input: PlanInput): number[] {
  const { now, policy } = input;
  const deadlines: number[] = [];
  const isStillAppearing = worker.machineId === null && now < worker.statusSince + VANISHED_MS;
  if (isStillAppearing) deadlines.push(now + LOOK_AGAIN_MS);
  switch (worker.status) {
    case "starting":
      // Nobody says so when it is up, and a spare should sleep then.
      deadlines.push(worker.createdAt + policy.bootDeadlineMs, now + LOOK_AGAIN_MS);
      if (worker.machineId === null) deadlines.push(worker.createdAt + SPAWN_GRACE_MS);
      break;
    case "draining":
      deadlines.push(worker.statusSince + policy.drainDeadlineMs);
      break;
    case "stopping":
      deadlines.push(isStillAppearing && machine === null ? worker.statusSince + VANISHED_MS : worker.destroyAt);
      break;
    case "active":
      // Nobody says so when a turn ends: looking as soon as one that ended just now could rest misses none by much.
      if (worker.load > 0) deadlines.push(now + Math.max(LOOK_AGAIN_MS, policy.suspendAfterMs));
      else deadlines.push(...restDeadlines(worker, input));
      break;
    case "suspended":
      deadlines.push(worker.powerAt, worker.statusSince + policy.retireAfterMs);
      if (worker.wakeRequestedAt !== null) deadlines.push(worker.wakeRequestedAt + policy.bootDeadlineMs);
      break;
    case "stopped":
  }
  const { heartbeatExpiresAt } = worker;
  if (heartbeatExpiresAt !== null && worker.status !== "stopping" && worker.status !== "suspended") {
    deadlines.push(heartbeatExpiresAt, heartbeatExpiresAt + SILENCE_GRACE_MS);
    if (machine !== null && isDown(machine.state)) deadlines.push(missedBeatAt(worker));
  }
  return deadlines;
}
