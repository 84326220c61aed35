/** Carries plans out as rows and a healthy provider would, without either. */
import { scopeOf } from "../../../shared/scope.js";
import { nextDeadline, plan } from "./plan.js";
import { isSilent } from "./repair.js";
import { ISOLATIONS, machineOf, workerWith } from "./plan.test-kit.js";
import type { PlanAction, PlanInput, PlannedWorker, WaitingLane } from "./situation.js";

/** The rows right after the transaction that writes the plan's intents, before the provider has been asked for anything. */
export function withIntents(input: PlanInput, actions: PlanAction[], nextId: () => string): PlanInput {
  const { now, policy } = input;
  const workers = new Map(input.workers.map((worker) => [worker.workerId, worker]));
  const sentAway = new Set<string>();
  const known = (workerId: string) => {
    const worker = workers.get(workerId);
    if (worker === undefined) throw new Error(`The plan is about worker ${workerId}, which is not there.`);
    return worker;
  };
  const change = (workerId: string, fields: Partial<PlannedWorker>) => {
    workers.set(workerId, { ...known(workerId), ...fields });
  };
  for (const action of actions) {
    switch (action.kind) {
      case "spawn": {
        const capacity = policy.isolation === "conversation" ? 1 : policy.conversationsPerWorker;
        const fresh = {
          machineId: null,
          heartbeatExpiresAt: null,
          statusSince: now,
          createdAt: now,
          lastActiveAt: now,
          canSuspend: true,
        };
        const { isolation } = policy;
        const workerId = nextId();
        workers.set(workerId, workerWith({ workerId, ...fresh, status: "starting", isolation, capacity }));
        break;
      }
      case "adopt":
        change(action.workerId, { machineId: action.machineId });
        break;
      case "drain": {
        if (known(action.workerId).status === "suspended") {
          change(action.workerId, { status: "stopping", statusSince: now, destroyAt: now + 15_000 });
        } else {
          change(action.workerId, { status: "draining", statusSince: now });
        }
        break;
      }
      case "suspend": {
        const { status, powerAttempts } = known(action.workerId);
        const since = status === "suspended" ? {} : { status: "suspended" as const, statusSince: now };
        change(action.workerId, { ...since, ...askedAgain(powerAttempts, now) });
        break;
      }
      case "resume": {
        const { wakeRequestedAt, powerAttempts } = known(action.workerId);
        const asked = askedAgain(wakeRequestedAt === null ? 0 : powerAttempts, now);
        change(action.workerId, { ...asked, wakeRequestedAt: wakeRequestedAt ?? now });
        break;
      }
      case "look":
        change(action.workerId, { powerAt: now + 10 * 60_000 });
        break;
      case "keep_awake":
        change(action.workerId, {
          status: "active",
          statusSince: now,
          canSuspend: false,
          heartbeatExpiresAt: now + 45_000,
        });
        break;
      case "fence": {
        const { machineId } = action;
        const destroyAt = machineId === null ? 0 : now + 15_000;
        change(action.workerId, { status: "stopping", statusSince: now, load: 0, machineId, destroyAt });
        break;
      }
      case "destroy":
        change(action.workerId, { machineId: action.machineId, destroyAt: now + 15_000 });
        break;
      case "forget":
        workers.delete(action.workerId);
        break;
      case "destroy_orphan":
        sentAway.add(action.machineId);
    }
  }
  const machines = input.machines.filter(({ machineId }) => !sentAway.has(machineId));
  return { ...input, workers: [...workers.values()], machines };
}

/** Fields of a worker whose machine was just asked to freeze or start, ever less often. */
function askedAgain(powerAttempts: number, now: number): Partial<PlannedWorker> {
  return { powerAttempts: powerAttempts + 1, powerAt: now + Math.min(60_000, 5_000 * 2 ** powerAttempts) };
}

/**
 * Carries plans out as a healthy provider and healthy workers would, 20 seconds at a time, until nothing is left to do:
 * asked-for machines boot and enroll, drained workers leave, what is destroyed goes, messages run at once.
 *
 * @returns the world at rest and the rounds it took; `null` when it never comes to rest
 */
export function settle(start: PlanInput, maxRounds: number): { input: PlanInput; rounds: number } | null {
  let input: PlanInput = { ...start, unlistedHomes: [] };
  const nextId = freshIds("n");
  for (let rounds = 1; rounds <= maxRounds; rounds++) {
    const actions = plan(input);
    const isAtRest =
      input.waiting.length === 0 &&
      input.workers.every(({ status }) => status === "active" || status === "suspended") &&
      !input.workers.some((worker) => worker.load > 0 || isSilent(worker, input.now));
    if (actions.length === 0 && isAtRest) return { input, rounds };
    input = carryOut(input, actions, input.now + 20_000, nextId);
  }
  return null;
}

type Moment = { input: PlanInput; actions: PlanAction[] };

/**
 * What a healthy pool is told to do from `start` on, for `ms` of its time: it looks when it has said that it must, and every 20
 * seconds while something is under way. `arrivals` are conversations, by the time since the start at which they have a message.
 */
export function* history(
  start: PlanInput,
  ms: number,
  arrivals: { afterMs: number; lane: WaitingLane }[] = [],
): Generator<Moment> {
  const nextId = freshIds("h");
  const pending = [...arrivals].sort((left, right) => left.afterMs - right.afterMs);
  for (let input = start; input.now < start.now + ms;) {
    const actions = plan(input);
    yield { input, actions };
    const isUnderWay =
      actions.length > 0 || input.waiting.length > 0 || !input.workers.every((worker) => isStill(worker));
    const lookAt = isUnderWay ? input.now + 20_000 : (nextDeadline(input) ?? Infinity);
    const now = Math.min(lookAt, start.now + (pending[0]?.afterMs ?? ms));
    input = carryOut(input, actions, Math.max(now, input.now + 1), nextId);
    while (pending[0] !== undefined && start.now + pending[0].afterMs <= input.now) {
      const { lane } = pending.shift() ?? pending[0];
      const isThere = input.waiting.some(({ conversationId }) => conversationId === lane.conversationId);
      if (!isThere) input = { ...input, waiting: [...input.waiting, lane] };
    }
  }
}

function isStill({ status, load, wakeRequestedAt }: PlannedWorker): boolean {
  return (status === "active" && load === 0) || (status === "suspended" && wakeRequestedAt === null);
}

function freshIds(prefix: string): () => string {
  let counter = 0;
  return () => `${prefix}${++counter}`;
}

/** The world at `now`, when all that was asked for has been done. */
function carryOut(before: PlanInput, actions: PlanAction[], now: number, nextId: () => string): PlanInput {
  const input = withIntents(before, actions, nextId);
  const destroyed = new Set(
    actions.flatMap((action) =>
      action.kind === "destroy" || action.kind === "fence" || action.kind === "destroy_orphan"
        ? (action.machineId ?? [])
        : [],
    ),
  );
  // What is missing from the list of this provider is gone.
  const missing = new Set(actions.flatMap((action) => (action.kind === "look" ? action.workerId : [])));
  const workers = input.workers
    .filter(({ workerId }) => !missing.has(workerId))
    .filter(({ status, machineId }) => status !== "stopping" || machineId === null || !destroyed.has(machineId))
    .map((worker) => live(worker, now));
  const waiting: WaitingLane[] = [];
  for (const lane of input.waiting) {
    const taker = workers.find((worker) => mayTake(worker, lane));
    if (taker === undefined) {
      waiting.push(lane);
      continue;
    }
    taker.scope ??= scopeOf(taker.isolation, lane);
    taker.load += 1;
    taker.lastActiveAt = now;
  }
  const strangers = input.machines.filter(
    ({ name, machineId }) =>
      !destroyed.has(machineId) && !input.workers.some(({ machineName }) => machineName === name),
  );
  const known = workers
    .filter(({ machineId }) => machineId !== null)
    .map((worker) => machineOf(worker, { state: worker.status === "suspended" ? "suspended" : "running" }));
  return { ...input, now, workers, waiting, machines: [...known, ...strangers] };
}

function mayTake({ status, scope, load, capacity }: PlannedWorker, lane: WaitingLane): boolean {
  if (status !== "active" || load >= capacity) return false;
  return scope === null || ISOLATIONS.some((kind) => scope.kind === kind && scopeOf(kind, lane).key === scope.key);
}

/** What a while does to a healthy worker: a turn ends in it. */
function live(worker: PlannedWorker, now: number): PlannedWorker {
  const machineId = worker.machineId ?? `machine-${worker.workerId}`;
  const heartbeatExpiresAt = now + worker.leaseDurationMs;
  switch (worker.status) {
    case "starting":
      return { ...worker, machineId, heartbeatExpiresAt, status: "active", statusSince: now, lastActiveAt: now };
    case "active":
      return { ...worker, machineId, heartbeatExpiresAt, load: 0, ...(worker.load > 0 ? { lastActiveAt: now } : {}) };
    case "suspended":
      if (worker.wakeRequestedAt === null) return { ...worker, machineId };
      return {
        ...worker,
        ...{ machineId, heartbeatExpiresAt, status: "active", statusSince: now, lastActiveAt: now },
        ...{ wakeRequestedAt: null, powerAttempts: 0, powerAt: 0 },
      };
    case "draining":
      return { ...worker, machineId, heartbeatExpiresAt, load: 0, status: "stopping", statusSince: now };
    default:
      return { ...worker };
  }
}
