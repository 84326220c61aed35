/**
 * What a pool should do next, as a pure function of what is wanted and what is observed.
 *
 * Level-triggered: it looks at the whole state and never at what happened before, so a lost step is simply planned again.
 */
import type { ScalingPolicy } from "../../shared/provider-config.js";
import { isWithinScope, scopeOf, type Isolation, type Scope } from "../../shared/scope.js";
import type { WorkerStatus } from "../../shared/views.js";
import type { MachineState, ObservedMachine } from "../providers/provider.js";

export type PlannedWorker = {
  workerId: string;
  status: WorkerStatus;
  machineName: string;
  machineId: string | null;
  scope: Scope | null;
  isolation: Isolation;
  capacity: number;
  /** Leases it holds. */
  load: number;
  statusSince: number;
  createdAt: number;
  lastActiveAt: number;
  /** `null` before it has enrolled. */
  heartbeatExpiresAt: number | null;
};

/** A conversation whose head may run now and has no lease. */
export type WaitingLane = { conversationId: string; agentKey: string; consumerUserId: string | null };

export type PlanInput = {
  now: number;
  policy: ScalingPolicy;
  workers: PlannedWorker[];
  waiting: WaitingLane[];
  /** Machines that carry this pool's ownership metadata; `null` when the provider could not be asked. */
  machines: ObservedMachine[] | null;
};

export type PlanAction =
  | { kind: "spawn"; reason: string }
  | { kind: "adopt"; workerId: string; machineId: string; region: string; reason: string }
  | { kind: "drain"; workerId: string; reason: string }
  /** Takes its leases away for good; its machine goes next. */
  | { kind: "fence"; workerId: string; reason: string }
  /** Stops, destroys and confirms; `machineId` is null when no machine was ever seen for it. */
  | { kind: "destroy"; workerId: string; machineId: string | null; reason: string }
  | { kind: "destroy_orphan"; machineId: string; reason: string };

/**
 * A machine that a create was asked for may be missing from the provider's list for a while; longer than this, and
 * nothing came of it.
 */
export const SPAWN_GRACE_MS = 60_000;
/** A machine nobody knows is destroyed at this age: a create whose row is about to learn of it is younger. */
export const ORPHAN_GRACE_MS = 2 * 60_000;
/** Time for a late heartbeat before a silent worker's machine is given up, beyond its lease. */
export const SILENCE_GRACE_MS = 30_000;

export function plan(input: PlanInput): PlanAction[] {
  const settled = input.workers.map((worker) => ({ worker, action: repair(worker, input) }));
  const actions = settled.flatMap(({ action }) => action ?? []);
  // What is being repaired neither takes work nor is idle capacity, but it still exists and counts.
  const usable = settled.filter(({ action }) => action === null || action.kind === "adopt").map(({ worker }) => worker);
  const demand = assignDemand(usable, input);
  const room = Math.max(0, input.policy.maxWorkers - input.workers.length);
  actions.push(...spawns(demand.uncovered, usable, room, input));
  actions.push(...drains(demand, usable, room, input));
  actions.push(...orphans(input));
  return actions;
}

/** What one worker needs on its own account, whatever the demand. */
function repair(worker: PlannedWorker, { now, policy, machines }: PlanInput): PlanAction | null {
  const { workerId } = worker;
  const machine = findMachine(worker, machines);
  const machineId = worker.machineId ?? machine?.machineId ?? null;
  switch (worker.status) {
    case "starting": {
      if (now - worker.createdAt >= policy.bootDeadlineMs) {
        return { kind: "fence", workerId, reason: `It did not enroll within ${seconds(policy.bootDeadlineMs)}.` };
      }
      if (machine !== null && isDown(machine.state)) {
        return { kind: "fence", workerId, reason: "Its machine ended before it enrolled." };
      }
      if (worker.machineId === null && machine !== null) {
        const { region } = machine;
        return { kind: "adopt", workerId, machineId: machine.machineId, region, reason: "Its create had succeeded." };
      }
      const missing = worker.machineId === null && machines !== null && machine === null;
      if (missing && now - worker.createdAt >= SPAWN_GRACE_MS) {
        return { kind: "fence", workerId, reason: "Its machine was never created." };
      }
      return null;
    }
    case "active":
    case "draining": {
      if (machine !== null && isDown(machine.state)) {
        return { kind: "fence", workerId, reason: "Its machine is no longer running." };
      }
      if (worker.heartbeatExpiresAt !== null && now >= worker.heartbeatExpiresAt + SILENCE_GRACE_MS) {
        return { kind: "fence", workerId, reason: "Its heartbeat stopped." };
      }
      if (worker.status === "draining" && now - worker.statusSince >= policy.drainDeadlineMs) {
        return { kind: "fence", workerId, reason: `It did not drain within ${seconds(policy.drainDeadlineMs)}.` };
      }
      return null;
    }
    case "stopping":
      return { kind: "destroy", workerId, machineId, reason: "It has stopped working and its machine must go." };
    case "suspended":
    case "stopped":
      return null;
  }
}

type Demand = {
  /** Machines wanted beyond those that exist. */
  uncovered: number;
  /** Workers that a waiting conversation is for. */
  wanted: Set<string>;
};

/** Gives every waiting conversation to a worker that may and can take it, and counts those that are left. */
function assignDemand(usable: PlannedWorker[], { waiting, policy }: PlanInput): Demand {
  const free = new Map(
    usable
      .filter(({ status }) => status === "starting" || status === "active")
      .map((worker) => [worker.workerId, worker.capacity - worker.load]),
  );
  const bound = usable.filter(({ scope }) => scope !== null);
  const unbound = usable.filter(({ scope, isolation }) => scope === null && isolation === policy.isolation);
  const wanted = new Set<string>();
  // Conversations nobody is bound to, by the scope a fresh worker would get for them.
  const groups = new Map<string, number>();
  for (const lane of waiting) {
    const scope = scopeOf(policy.isolation, lane);
    const taker = bound.find(
      (worker) => worker.scope !== null && isWithinScope(worker.scope, lane) && (free.get(worker.workerId) ?? 0) > 0,
    );
    if (taker !== undefined) {
      free.set(taker.workerId, (free.get(taker.workerId) ?? 0) - 1);
      wanted.add(taker.workerId);
    } else {
      groups.set(`${scope.kind}:${scope.key}`, (groups.get(`${scope.kind}:${scope.key}`) ?? 0) + 1);
    }
  }
  const capacity = policy.isolation === "conversation" ? 1 : policy.conversationsPerWorker;
  let machines = 0;
  for (const conversations of groups.values()) machines += Math.ceil(conversations / capacity);
  let uncovered = machines;
  for (const worker of unbound) {
    if (uncovered === 0) break;
    if ((free.get(worker.workerId) ?? 0) <= 0) continue;
    uncovered -= 1;
    wanted.add(worker.workerId);
  }
  return { uncovered, wanted };
}

function spawns(uncovered: number, usable: PlannedWorker[], room: number, { policy }: PlanInput): PlanAction[] {
  const available = usable.filter(({ status }) => status === "starting" || status === "active");
  const spare = available.filter(({ scope, load }) => scope === null && load === 0).length;
  const toMinimum = Math.max(0, policy.minWorkers - available.length - uncovered);
  const toWarm = Math.max(0, policy.warmWorkers - spare);
  const count = Math.min(uncovered + Math.max(toMinimum, toWarm), room, policy.spawnStep);
  return Array.from({ length: count }, (_, index): PlanAction => ({
    kind: "spawn",
    reason: index < uncovered ? "Messages wait that no worker may take." : "The policy asks for workers in reserve.",
  }));
}

/** Idle workers go after their time-out; sooner when the pool is full and others wait for their place. */
function drains(demand: Demand, usable: PlannedWorker[], room: number, input: PlanInput): PlanAction[] {
  const { now, policy } = input;
  const idle = usable
    .filter(({ status, load, workerId }) => status === "active" && load === 0 && !demand.wanted.has(workerId))
    .sort((left, right) => left.lastActiveAt - right.lastActiveAt);
  const available = usable.filter(({ status }) => status === "starting" || status === "active").length;
  const surplus = Math.max(0, input.workers.length - policy.maxWorkers);
  const blocked = Math.max(0, demand.uncovered - room);
  const leaving = input.workers.filter(({ status }) => status === "draining" || status === "stopping").length;
  // Places that are about to become free count, or every run would push out one more.
  let evictions = Math.max(0, surplus + Math.min(blocked, policy.spawnStep) - leaving);
  let keep = Math.max(0, available - Math.max(policy.minWorkers, policy.warmWorkers));
  const actions: PlanAction[] = [];
  for (const worker of idle) {
    const idleFor = now - Math.max(worker.lastActiveAt, worker.statusSince);
    if (evictions > 0) {
      evictions -= 1;
      keep -= 1;
      const reason = "It is idle and its place is needed.";
      actions.push({ kind: "drain", workerId: worker.workerId, reason });
    } else if (keep > 0 && idleFor >= policy.idleTimeoutMs) {
      keep -= 1;
      const reason = `It was idle for ${seconds(idleFor)}.`;
      actions.push({ kind: "drain", workerId: worker.workerId, reason });
    }
  }
  return actions;
}

/** Machines of this pool that no live row refers to. */
function orphans({ now, workers, machines }: PlanInput): PlanAction[] {
  const names = new Set(workers.map(({ machineName }) => machineName));
  return (machines ?? [])
    .filter(({ name, state }) => !names.has(name) && state !== "gone" && state !== "leaving")
    .filter(({ createdAt }) => createdAt > 0 && now - createdAt >= ORPHAN_GRACE_MS)
    .map(({ machineId }) => ({ kind: "destroy_orphan", machineId, reason: "No live worker belongs to this machine." }));
}

/** When the plan could change without anything else happening; `null` when it cannot. */
export function nextDeadline({ now, policy, workers }: Omit<PlanInput, "waiting" | "machines">): number | null {
  const deadlines = workers.flatMap((worker) => {
    switch (worker.status) {
      case "starting":
        return [worker.createdAt + policy.bootDeadlineMs];
      case "active":
        // A worker may become idle right after this look at it.
        return [worker.load > 0 ? now + policy.idleTimeoutMs : worker.lastActiveAt + policy.idleTimeoutMs];
      case "draining":
        return [worker.statusSince + policy.drainDeadlineMs];
      default:
        return [];
    }
  });
  if (workers.length > 0) deadlines.push(now + policy.reconcileIntervalMs);
  for (const { heartbeatExpiresAt } of workers) {
    if (heartbeatExpiresAt !== null && heartbeatExpiresAt > now) deadlines.push(heartbeatExpiresAt);
  }
  // One that has passed was acted upon already, or the policy forbids it (a minimum to keep): waiting for it would spin.
  const ahead = deadlines.filter((deadline) => deadline > now);
  return ahead.length === 0 ? null : Math.min(...ahead);
}

function findMachine(worker: PlannedWorker, machines: ObservedMachine[] | null): ObservedMachine | null {
  return machines?.find(({ name }) => name === worker.machineName) ?? null;
}

function isDown(state: MachineState): boolean {
  return state === "halted" || state === "leaving" || state === "gone";
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
