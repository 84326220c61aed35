/** The part of the plan that weighs demand against capacity: who serves whom, who wakes up for it, how many machines are missing. */
import { scopeOf, type Isolation, type Scope } from "../../../shared/scope.js";
import { surge } from "./rollout.js";
import { spares } from "./spare.js";
import type { PlanAction, PlanInput, PlannedWorker, WaitingLane } from "./situation.js";

export type Demand = {
  /** Machines wanted for waiting conversations beyond those that exist. */
  uncovered: number;
  /** Workers that a waiting conversation is for. */
  wanted: Set<string>;
  /** By worker, the conversations that it is bound to, or whose user or agent it is bound to, and that are given to it. */
  given: Map<string, string[]>;
};

const ISOLATIONS: readonly Isolation[] = ["conversation", "user", "agent", "shared"];

const scopeKey = ({ kind, key }: Scope) => `${kind}:${key}`;

/** Workers that take work now or as soon as they are up. */
export function isAvailable({ status, wakeRequestedAt }: PlannedWorker): boolean {
  return status === "starting" || status === "active" || (status === "suspended" && wakeRequestedAt !== null);
}

/** Workers that sleep and could be woken. */
export function isAsleep({ status, wakeRequestedAt }: PlannedWorker): boolean {
  return status === "suspended" && wakeRequestedAt === null;
}

/** How far a worker is from its next claim: up; waking up; a second away; a boot away. */
function readiness(worker: PlannedWorker): number {
  if (worker.status === "active") return 0;
  if (worker.status === "starting") return 3;
  return isAsleep(worker) ? 2 : 1;
}

/**
 * Gives every waiting conversation to a worker that may and can take it, and counts the machines that are missing. Who is
 * ready sooner comes first, and who has the conversation's files before who has none.
 */
export function assignDemand(usable: PlannedWorker[], { waiting, policy }: PlanInput): Demand {
  // As it is most of the time, and then not worth sorting a thousand workers for.
  if (waiting.length === 0) return { uncovered: 0, wanted: new Set(), given: new Map() };
  const workers = usable
    .filter((worker) => isAvailable(worker) || isAsleep(worker))
    // The last used ones first, so that the others are idle for long enough to go.
    .sort((left, right) => readiness(left) - readiness(right) || right.lastActiveAt - left.lastActiveAt);
  const free = new Map(workers.map((worker) => [worker.workerId, worker.capacity - worker.load]));
  const isFree = ({ workerId }: PlannedWorker) => (free.get(workerId) ?? 0) > 0;
  const bound = groupByScope(workers);
  const wanted = new Set<string>();
  const given = new Map<string, string[]>();
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
      // Among workers that all share, whoever is up first should have it.
      if (taker.scope?.kind === "shared") continue;
      given.set(taker.workerId, [...(given.get(taker.workerId) ?? []), lane.conversationId]);
    }
  }
  const capacity = policy.isolation === "conversation" ? 1 : policy.conversationsPerWorker;
  let uncovered = 0;
  for (const conversations of groups.values()) uncovered += Math.ceil(conversations / capacity);
  for (const worker of workers) {
    if (uncovered === 0) break;
    if (worker.scope !== null || worker.isolation !== policy.isolation || !isFree(worker)) continue;
    uncovered -= 1;
    wanted.add(worker.workerId);
  }
  return { uncovered, wanted, given };
}

function groupByScope(workers: PlannedWorker[]): Map<string, PlannedWorker[]> {
  const groups = new Map<string, PlannedWorker[]>();
  for (const worker of workers) {
    if (worker.scope === null) continue;
    const key = scopeKey(worker.scope);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [worker]);
    else group.push(worker);
  }
  return groups;
}

/** Workers bound to a scope that the conversation is part of: the narrowest first, for the others have more to serve. */
function takers(lane: WaitingLane, bound: Map<string, PlannedWorker[]>): PlannedWorker[] {
  return ISOLATIONS.flatMap((isolation) => bound.get(scopeKey(scopeOf(isolation, lane))) ?? []);
}

/** Sleepers that a conversation waits for, and as many more as the policy wants to be up: the last used ones first. */
export function resumes(demand: Demand, usable: PlannedWorker[], going: Set<string>, input: PlanInput): PlanAction[] {
  const { policy } = input;
  const asleep = usable
    .filter((worker) => isAsleep(worker) && !going.has(worker.workerId))
    .sort((left, right) => right.lastActiveAt - left.lastActiveAt);
  const up = usable.filter((worker) => isAvailable(worker) && !going.has(worker.workerId));
  let missing = policy.minWorkers - up.length - asleep.filter(({ workerId }) => demand.wanted.has(workerId)).length;
  missing -= demand.uncovered;
  return asleep.flatMap((worker): PlanAction[] => {
    const { workerId, machineId } = worker;
    const isWanted = demand.wanted.has(workerId);
    if (machineId === null || !(isWanted || missing > 0)) return [];
    if (!isWanted) missing -= 1;
    const reason = isWanted ? "A message waits that it may take." : "The policy asks for workers in reserve.";
    return [{ kind: "resume", workerId, machineId, conversationIds: demand.given.get(workerId) ?? [], reason }];
  });
}

/**
 * `up` are the workers that are there, or will be without another machine; `staying` are these and those that sleep. A spare
 * may sleep: it is back in a second or two, and costs next to nothing until then.
 */
export function spawns(
  demand: Demand,
  { up, staying, room }: { up: PlannedWorker[]; staying: PlannedWorker[]; room: number },
  input: PlanInput,
): PlanAction[] {
  const { policy, spawnLimit } = input;
  // What is outdated is to be replaced: its successor is asked for first.
  const toMinimum = Math.max(0, policy.minWorkers - (up.length - surge(up, input)) - demand.uncovered);
  const toWarm = Math.max(0, policy.warmWorkers - spares(staying, demand, input).length);
  const count = Math.min(demand.uncovered + Math.max(toMinimum, toWarm), room, spawnLimit);
  return Array.from({ length: count }, (_, index): PlanAction => {
    const isForMessages = index < demand.uncovered;
    return {
      kind: "spawn",
      reason: isForMessages ? "Messages wait that no worker may take." : "The policy asks for workers in reserve.",
    };
  });
}
