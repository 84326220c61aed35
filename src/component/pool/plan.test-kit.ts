/** Worlds for the planner's tests: any mix of workers, machines and messages, and a model that carries a plan out. */
import fc from "fast-check";
import { DEFAULT_SCALING_POLICY, type ScalingPolicy } from "../../shared/provider-config.js";
import { scopeOf, type Isolation } from "../../shared/scope.js";
import { plan } from "./plan.js";
import type { PlanAction, PlanInput, PlannedWorker, SeenMachine, WaitingLane } from "./situation.js";

export const NOW = 1_700_000_000_000;
export const HOME = "fly:app";
const FORMER_HOME = "fly:former";
const MINUTE = 60_000;
const ISOLATIONS: readonly Isolation[] = ["conversation", "user", "agent", "shared"];

export const policyWith = (change: Partial<ScalingPolicy> = {}): ScalingPolicy => ({
  ...DEFAULT_SCALING_POLICY,
  ...change,
});

export function workerWith(change: Partial<PlannedWorker> & { workerId: string }): PlannedWorker {
  const { workerId } = change;
  return {
    status: "active",
    machineName: `default-${workerId}-g1`,
    machineId: `machine-${workerId}`,
    home: HOME,
    scope: null,
    isolation: "conversation",
    capacity: 1,
    load: 0,
    statusSince: NOW - MINUTE,
    createdAt: NOW - 2 * MINUTE,
    lastActiveAt: NOW - MINUTE,
    heartbeatExpiresAt: NOW + 40_000,
    leaseDurationMs: DEFAULT_SCALING_POLICY.leaseDurationMs,
    destroyAt: 0,
    ...change,
  };
}

export function machineOf(worker: PlannedWorker, change: Partial<SeenMachine> = {}): SeenMachine {
  return {
    machineId: worker.machineId ?? `machine-${worker.workerId}`,
    name: worker.machineName,
    region: "fra",
    state: "running",
    metadata: {},
    createdAt: worker.createdAt,
    home: worker.home,
    ...change,
  };
}

/** `c3` is a conversation of user `u0` (every third one) and of agent `a1` (every second one). */
export function laneOf(index: number): WaitingLane {
  return { conversationId: `c${index}`, agentKey: `a${index % 2}`, consumerUserId: `u${index % 3}` };
}

export function inputWith(change: Partial<PlanInput> = {}): PlanInput {
  const policy = change.policy ?? policyWith();
  return {
    now: NOW,
    policy,
    spawnLimit: policy.spawnStep,
    spawnHeldUntil: null,
    workers: [],
    waiting: [],
    machines: (change.workers ?? []).map((worker) => machineOf(worker)),
    unlistedHomes: [],
    ...change,
  };
}

const arbitraryPolicy = fc
  .record({
    minWorkers: fc.nat(3),
    above: fc.nat(6),
    warmWorkers: fc.nat(3),
    conversationsPerWorker: fc.integer({ min: 1, max: 4 }),
    isolation: fc.constantFrom(...ISOLATIONS),
    spawnStep: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ above, ...policy }) => policyWith({ ...policy, maxWorkers: policy.minWorkers + above }));

const arbitraryState = fc.constantFrom("booting", "running", "halted", "leaving", "gone", "unknown" as const);

const arbitraryWorker = fc.record({
  status: fc.constantFrom("starting", "active", "active", "draining", "stopping", "suspended" as const),
  wasSeen: fc.boolean(),
  isListed: fc.boolean(),
  machineState: arbitraryState,
  isFormerHome: fc.boolean(),
  lane: fc.option(fc.nat(9)),
  isolation: fc.constantFrom(...ISOLATIONS),
  capacity: fc.integer({ min: 1, max: 4 }),
  load: fc.nat(4),
  age: fc.nat(10 * MINUTE),
  idle: fc.nat(10 * MINUTE),
  heartbeatLeft: fc.integer({ min: -2 * MINUTE, max: 45_000 }),
  destroyIn: fc.integer({ min: -MINUTE, max: MINUTE }),
});
type WorkerSeed = typeof arbitraryWorker extends fc.Arbitrary<infer Seed> ? Seed : never;

function workerFromSeed(seed: WorkerSeed, index: number): PlannedWorker {
  const { status } = seed;
  const isWorking = status === "active" || status === "draining";
  const load = isWorking && seed.lane !== null ? Math.min(seed.load, seed.capacity) : 0;
  const workerId = `w${index}`;
  return workerWith({
    workerId,
    status,
    machineId: seed.wasSeen ? `machine-${workerId}` : null,
    home: seed.isFormerHome ? FORMER_HOME : HOME,
    scope: status === "starting" || seed.lane === null ? null : scopeOf(seed.isolation, laneOf(seed.lane)),
    isolation: seed.isolation,
    capacity: seed.capacity,
    load,
    createdAt: NOW - seed.age,
    statusSince: NOW - Math.min(seed.age, seed.idle),
    lastActiveAt: NOW - Math.min(seed.age, seed.idle),
    heartbeatExpiresAt: status === "starting" ? null : NOW + seed.heartbeatLeft,
    destroyAt: status === "stopping" ? NOW + seed.destroyIn : 0,
  });
}

const arbitraryStranger = fc.record({ state: arbitraryState, age: fc.nat(10 * MINUTE) });

/** Any mix of rows, machines, messages and policies, also such as no healthy system gets into. */
export const arbitraryInput: fc.Arbitrary<PlanInput> = fc
  .record({
    policy: arbitraryPolicy,
    seeds: fc.array(arbitraryWorker, { maxLength: 10 }),
    strangers: fc.array(arbitraryStranger, { maxLength: 4 }),
    waiting: fc.uniqueArray(fc.nat(9), { maxLength: 10 }),
    isFormerHomeDown: fc.boolean(),
  })
  .map(({ policy, seeds, strangers, waiting, isFormerHomeDown }) => {
    const workers = seeds.map(workerFromSeed);
    const listed = workers.flatMap((worker, index) => {
      const seed = seeds[index];
      if (seed === undefined || !seed.isListed || (isFormerHomeDown && seed.isFormerHome)) return [];
      return [machineOf(worker, { state: seed.machineState })];
    });
    const orphans = strangers.map(({ state, age }, index) =>
      machineOf(workerWith({ workerId: `stranger${index}`, createdAt: NOW - age }), { state }),
    );
    return inputWith({
      policy,
      workers,
      machines: [...listed, ...orphans],
      waiting: waiting.map(laneOf),
      unlistedHomes: isFormerHomeDown ? [FORMER_HOME] : [],
    });
  });

/** The rows right after the transaction that writes the plan's intents, before the provider has been asked for anything. */
export function withIntents(input: PlanInput, actions: PlanAction[], nextId: () => string): PlanInput {
  const { now, policy } = input;
  const workers = new Map(input.workers.map((worker) => [worker.workerId, worker]));
  const sentAway = new Set<string>();
  const change = (workerId: string, fields: Partial<PlannedWorker>) => {
    const worker = workers.get(workerId);
    if (worker === undefined) throw new Error(`The plan is about worker ${workerId}, which is not there.`);
    workers.set(workerId, { ...worker, ...fields });
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
      case "drain":
        change(action.workerId, { status: "draining", statusSince: now });
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
    const isAtRest = input.waiting.length === 0 && input.workers.every(({ status }) => status === "active");
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
    const known = workers.filter(({ machineId }) => machineId !== null).map((worker) => machineOf(worker));
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
    case "draining":
      return { ...worker, machineId, heartbeatExpiresAt, load: 0, status: "stopping", statusSince: now };
    default:
      return { ...worker };
  }
}
