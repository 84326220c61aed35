/** The part of the plan that weighs demand against capacity: who serves whom, how many machines are missing, who may go. */
import { scopeOf, type Isolation, type Scope } from "../../shared/scope.js";
import { seconds } from "./repair.js";
import type { PlanAction, PlanInput, PlannedWorker, WaitingLane } from "./situation.js";

export type Demand = {
  /** Machines wanted for waiting conversations beyond those that exist. */
  uncovered: number;
  /** Workers that a waiting conversation is for. */
  wanted: Set<string>;
};

const ISOLATIONS: readonly Isolation[] = ["conversation", "user", "agent", "shared"];

const scopeKey = ({ kind, key }: Scope) => `${kind}:${key}`;

/** Workers that take work now or as soon as they are up. */
export function isAvailable({ status }: PlannedWorker): boolean {
  return status === "starting" || status === "active";
}

/** Gives every waiting conversation to a worker that may and can take it, and counts the machines that are missing. */
export function assignDemand(usable: PlannedWorker[], { waiting, policy }: PlanInput): Demand {
  const available = usable.filter(isAvailable);
  const free = new Map(available.map((worker) => [worker.workerId, worker.capacity - worker.load]));
  const isFree = ({ workerId }: PlannedWorker) => (free.get(workerId) ?? 0) > 0;
  const bound = groupByScope(available);
  const wanted = new Set<string>();
  // Conversations nobody is bound to, by the scope a fresh worker would get for them.
  const groups = new Map<string, number>();
  for (const lane of waiting) {
    const taker = takers(lane, bound).find(isFree);
    if (taker === undefined) {
      const key = scopeKey(scopeOf(policy.isolation, lane));
      groups.set(key, (groups.get(key) ?? 0) + 1);
    } else {
      free.set(taker.workerId, (free.get(taker.workerId) ?? 0) - 1);
      wanted.add(taker.workerId);
    }
  }
  const capacity = policy.isolation === "conversation" ? 1 : policy.conversationsPerWorker;
  let uncovered = 0;
  for (const conversations of groups.values()) uncovered += Math.ceil(conversations / capacity);
  for (const worker of available) {
    if (uncovered === 0) break;
    if (worker.scope !== null || worker.isolation !== policy.isolation || !isFree(worker)) continue;
    uncovered -= 1;
    wanted.add(worker.workerId);
  }
  return { uncovered, wanted };
}

function groupByScope(workers: PlannedWorker[]): Map<string, PlannedWorker[]> {
  const groups = new Map<string, PlannedWorker[]>();
  for (const worker of workers) {
    if (worker.scope === null) continue;
    const key = scopeKey(worker.scope);
    groups.set(key, [...(groups.get(key) ?? []), worker]);
  }
  return groups;
}

/** Workers bound to a scope that the conversation is part of. */
function takers(lane: WaitingLane, bound: Map<string, PlannedWorker[]>): PlannedWorker[] {
  return ISOLATIONS.flatMap((isolation) => bound.get(scopeKey(scopeOf(isolation, lane))) ?? []);
}

export function spawns(demand: Demand, usable: PlannedWorker[], room: number, input: PlanInput): PlanAction[] {
  const { policy, spawnLimit } = input;
  const available = usable.filter(isAvailable);
  const toMinimum = Math.max(0, policy.minWorkers - available.length - demand.uncovered);
  const toWarm = Math.max(0, policy.warmWorkers - spares(available, demand, input).length);
  const count = Math.min(demand.uncovered + Math.max(toMinimum, toWarm), room, spawnLimit);
  return Array.from({ length: count }, (_, index): PlanAction => {
    const isForMessages = index < demand.uncovered;
    return {
      kind: "spawn",
      reason: isForMessages ? "Messages wait that no worker may take." : "The policy asks for workers in reserve.",
    };
  });
}

/** Workers that belong to nobody yet and that no waiting conversation is for. */
function spares(available: PlannedWorker[], demand: Demand, { policy }: PlanInput): PlannedWorker[] {
  return available.filter(
    ({ scope, load, isolation, workerId }) =>
      scope === null && load === 0 && isolation === policy.isolation && !demand.wanted.has(workerId),
  );
}

/** What there is of places: free ones, workers above the limit, places about to become free, and workers just asked for. */
type Places = { room: number; surplus: number; leaving: number; spawned: number };

/**
 * Idle workers go after their time-out; sooner when the pool is full and others wait for their place, or when it is larger
 * than it may be.
 */
export function drains(
  demand: Demand,
  usable: PlannedWorker[],
  { room, surplus, leaving, spawned }: Places,
  input: PlanInput,
): PlanAction[] {
  const { now, policy } = input;
  const available = usable.filter(isAvailable);
  const idle = usable
    .filter(({ status, load }) => status === "active" && load === 0)
    .sort((left, right) => left.lastActiveAt - right.lastActiveAt);
  const blocked = Math.max(0, demand.uncovered - room);
  // Places that are about to become free count, or every run would push out one more.
  const toFree = Math.max(0, surplus + Math.min(blocked, policy.spawnStep) - leaving);
  const isWanted = ({ workerId }: PlannedWorker) => demand.wanted.has(workerId);
  const evicted = idle.filter((worker) => !isWanted(worker)).slice(0, toFree);
  // Above its limit the pool shrinks even if a message is for the worker that is free: another one serves it next.
  const surplusLeft = Math.max(0, surplus - leaving - evicted.length);
  evicted.push(...idle.filter(isWanted).slice(0, surplusLeft));

  const actions = evicted.map(({ workerId }): PlanAction => {
    return { kind: "drain", workerId, reason: "It is idle and its place is needed." };
  });
  let beyondMinimum = available.length + spawned - evicted.length - policy.minWorkers;
  const reserve = new Set(spares(available, demand, input).map(({ workerId }) => workerId));
  for (const { workerId } of evicted) reserve.delete(workerId);
  for (const worker of idle) {
    if (evicted.includes(worker) || isWanted(worker) || beyondMinimum <= 0) continue;
    const idleFor = now - idleSince(worker);
    if (idleFor < policy.idleTimeoutMs) continue;
    if (reserve.has(worker.workerId)) {
      if (reserve.size <= policy.warmWorkers) continue;
      reserve.delete(worker.workerId);
    }
    beyondMinimum -= 1;
    actions.push({ kind: "drain", workerId: worker.workerId, reason: `It was idle for ${seconds(idleFor)}.` });
  }
  return actions;
}

export function idleSince({ lastActiveAt, statusSince }: PlannedWorker): number {
  return Math.max(lastActiveAt, statusSince);
}
