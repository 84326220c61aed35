/** Carries plans out as rows and a healthy provider would, without either. */
import { scopeOf } from "../../shared/scope.js";
import { plan } from "./plan.js";
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
 * Carries plans out as a healthy provider and healthy workers would, `seconds` at a time, until nothing is left to do:
 * asked-for machines boot and enroll, drained workers leave, what is destroyed goes, messages run at once.
 *
 * @returns the world at rest and the rounds it took; `null` when it never comes to rest
 */
export function settle(
  start: PlanInput,
  maxRounds: number,
): { input: PlanInput; rounds: number; served: Set<string> } | null {
  let input: PlanInput = { ...start, unlistedHomes: [] };
  let counter = 0;
  const served = new Set<string>();
  for (let rounds = 1; rounds <= maxRounds; rounds++) {
    const actions = plan(input);
    const isAtRest =
      input.waiting.length === 0 &&
      input.workers.every(({ status }) => status === "active" || status === "suspended") &&
      !input.workers.some((worker) => worker.load > 0 || isSilent(worker, input.now));
    if (actions.length === 0 && isAtRest) {
      return { input, rounds, served };
    }
    input = withIntents(input, actions, () => `n${++counter}`);
    const destroyed = new Set(
      actions.flatMap((action) =>
        action.kind === "destroy" || action.kind === "fence" || action.kind === "destroy_orphan"
          ? (action.machineId ?? [])
          : [],
      ),
    );
    const now = input.now + 20_000;
    const workers = input.workers
      .filter(({ status, machineId }) => status !== "stopping" || machineId === null || !destroyed.has(machineId))
      .map((worker) => live(worker, now));
    const waiting: WaitingLane[] = [];
    for (const lane of input.waiting) {
      const taker = workers.find(
        ({ status, scope }) =>
          status === "active" &&
          (scope === null || ISOLATIONS.some((kind) => scope.kind === kind && scopeOf(kind, lane).key === scope.key)),
      );
      if (taker === undefined) {
        waiting.push(lane);
      } else {
        taker.scope ??= scopeOf(taker.isolation, lane);
        taker.lastActiveAt = now;
        served.add(lane.conversationId);
      }
    }
    const strangers = input.machines.filter(
      ({ name, machineId }) =>
        !destroyed.has(machineId) && !input.workers.some(({ machineName }) => machineName === name),
    );
    const known = workers
      .filter(({ machineId }) => machineId !== null)
      .map((worker) => machineOf(worker, { state: worker.status === "suspended" ? "suspended" : "running" }));
    input = { ...input, now, workers, waiting, machines: [...known, ...strangers] };
  }
  return null;
}

/** What 20 seconds do to a healthy worker. */
function live(worker: PlannedWorker, now: number): PlannedWorker {
  const machineId = worker.machineId ?? `machine-${worker.workerId}`;
  const heartbeatExpiresAt = now + worker.leaseDurationMs;
  switch (worker.status) {
    case "starting":
      return { ...worker, machineId, heartbeatExpiresAt, status: "active", statusSince: now, lastActiveAt: now };
    case "active":
      return { ...worker, machineId, heartbeatExpiresAt, load: 0 };
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
