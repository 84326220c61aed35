/** Situations for the planner's tests: single ones to write down, and any mix of workers, machines and messages. */
import fc from "fast-check";
import { DEFAULT_SCALING_POLICY, type ScalingPolicy } from "../../../shared/provider-config.js";
import { scopeOf, type Isolation } from "../../../shared/scope.js";
import type { PlanInput, PlannedWorker, SeenMachine, WaitingLane } from "./situation.js";

export const NOW = 1_700_000_000_000;
export const HOME = "fly:app";
const FORMER_HOME = "fly:former";
const MINUTE = 60_000;
export const ISOLATIONS: readonly Isolation[] = ["conversation", "user", "agent", "shared"];

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
    canSuspend: false,
    wakeRequestedAt: null,
    powerAttempts: 0,
    powerAt: 0,
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
    suspendAfterMs: fc.constantFrom(1_000, 20_000, 10 * MINUTE),
    idleTimeoutMs: fc.constantFrom(30_000, 5 * MINUTE),
    retireAfterMs: fc.constantFrom(10_000, 20 * MINUTE),
  })
  .map(({ above, ...policy }) => policyWith({ ...policy, maxWorkers: policy.minWorkers + above }));

const arbitraryState = fc.constantFrom(
  "booting",
  "running",
  "suspended",
  "halted",
  "leaving",
  "gone",
  "unknown" as const,
);

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
  age: fc.oneof(fc.nat(10 * MINUTE), fc.nat(180 * MINUTE)),
  idle: fc.oneof(fc.nat(10 * MINUTE), fc.nat(180 * MINUTE)),
  heartbeatLeft: fc.integer({ min: -2 * MINUTE, max: 45_000 }),
  destroyIn: fc.integer({ min: -MINUTE, max: MINUTE }),
  canSuspend: fc.boolean(),
  isOutdated: fc.constantFrom(true, false, false),
  isWokenFor: fc.option(fc.nat(4 * MINUTE)),
  powerAttempts: fc.nat(4),
  powerIn: fc.integer({ min: -MINUTE, max: MINUTE }),
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
    machineId: seed.wasSeen || status === "suspended" ? `machine-${workerId}` : null,
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
    canSuspend: seed.canSuspend,
    ...(seed.isOutdated ? { isOutdated: true } : {}),
    wakeRequestedAt: status === "suspended" && seed.isWokenFor !== null ? NOW - seed.isWokenFor : null,
    powerAttempts: status === "suspended" ? seed.powerAttempts : 0,
    powerAt: status === "suspended" ? NOW + seed.powerIn : 0,
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
