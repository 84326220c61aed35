/** Takes the steps of a committed plan at the provider: side by side, each on its own, within the time a run has. */
import { DEFAULT_GUEST, type ProviderConfig } from "../../shared/provider-config.js";
import { internal } from "../_generated/api.js";
import type { ActionCtx } from "../functions.js";
import type { Provider } from "../providers/provider.js";
import { hasMetadata, machineSpec, ownershipMetadata, type Ownership } from "./machines.js";
import { homeOf } from "./homes.js";
import { describeProblem, type Problem } from "./problem.js";
import type { Providers } from "./providers.js";
import { nextCooldowns, regionsToTry, type RegionCooldown } from "./plan/regions.js";
import { STEPS_BUDGET_MS, type ProviderStep } from "./intents.js";
import { resumeMachine, suspendMachine } from "./power.js";
import { createMachine, destroyMachine, type CreateOutcome } from "./steps.js";
import { createMachineWithVolume, type VolumeCreateOutcome, type Wish } from "./volumes/volumeSteps.js";

/** Enough that one slow answer does not hold up the others, few enough for a provider not to mind. */
const CONCURRENT_STEPS = 8;
/** A machine that was told to go this often and is still there is something to look into. */
const ATTEMPTS_BEFORE_COMPLAINT = 3;

export type StepsOutcome = {
  spawned: number;
  terminated: number;
  /** Regions that had no room for a machine. */
  fullRegions: string[];
  problem: Problem | null;
  backOff: boolean;
};

type StepContext = {
  providers: Providers;
  config: ProviderConfig;
  /** Regions that had no room lately. */
  cooldowns: RegionCooldown[];
  ownership: Ownership;
  credentials: Map<string, string>;
};

export type ResumeStep = { kind: "resume"; workerId: string; machineId: string; home: string };

/** Starts machines that sleep, as {@link takeSteps} takes steps. */
export async function takeResumes(ctx: ActionCtx, steps: ResumeStep[], providers: Providers): Promise<StepsOutcome> {
  return await sideBySide(ctx, steps, async (step, _outcome, deadline) => {
    if (Date.now() < deadline) await takeResume(ctx, step, await providers.at(step.home), deadline);
  });
}

/** One that fails is planned again and does not keep the others from happening. @throws only for a defect, after all of them */
export async function takeSteps(ctx: ActionCtx, steps: ProviderStep[], context: StepContext): Promise<StepsOutcome> {
  return await sideBySide(ctx, steps, async (step, outcome, deadline) => {
    await takeStep(ctx, step, { ...context, outcome, deadline });
  });
}

async function sideBySide<Step extends ProviderStep>(
  ctx: ActionCtx,
  steps: Step[],
  takeOne: (step: Step, outcome: StepsOutcome, deadline: number) => Promise<void>,
): Promise<StepsOutcome> {
  const deadline = Date.now() + STEPS_BUDGET_MS;
  const outcome: StepsOutcome = { spawned: 0, terminated: 0, fullRegions: [], problem: null, backOff: false };
  const defects: unknown[] = [];
  const take = async (step: Step) => {
    try {
      await takeOne(step, outcome, deadline);
    } catch (error) {
      const problem = describeProblem(error);
      if (problem === null) defects.push(error);
      else outcome.problem = problem;
      // A machine that cannot be made will not be made a second later; one that does not go has its own patience.
      if (step.kind === "create" || step.kind === "resume") outcome.backOff = true;
      ctx.log.warn("pool.step_failed", { step: step.kind, kind: problem?.kind ?? "internal_error" });
    }
  };
  const queue = [...steps];
  const worker = async () => {
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) await take(step);
  };
  await Promise.all(Array.from({ length: CONCURRENT_STEPS }, worker));
  if (defects.length > 0) throw new Error("A step failed in a way that none should.", { cause: defects[0] });
  return outcome;
}

async function takeStep(
  ctx: ActionCtx,
  step: ProviderStep,
  context: StepContext & { outcome: StepsOutcome; deadline: number },
): Promise<void> {
  const { providers, ownership, outcome, deadline } = context;
  const isLate = Date.now() >= deadline;
  switch (step.kind) {
    case "create":
      await takeCreate(ctx, step, context, isLate);
      return;
    case "destroy": {
      if (isLate) return;
      const { workerId, machineId, state, isYoung } = step;
      if (await destroyMachine(await providers.at(step.home), machineId, { state, isYoung, deadline })) {
        const reason = "Its machine is destroyed.";
        await ctx.runMutation(internal.pool.internal.machineGone, { workerId, reason });
        outcome.terminated += 1;
      } else if (step.attempt >= ATTEMPTS_BEFORE_COMPLAINT) {
        const message = `Machine ${machineId} was destroyed ${step.attempt} times and is still there. Look at it with the provider's own tools.`;
        outcome.problem = { kind: "machine_stuck", message };
      }
      return;
    }
    case "suspend": {
      if (isLate || (await suspendMachine(await providers.at(step.home), step.machineId))) return;
      const reason = "The provider does not suspend this machine.";
      await ctx.runMutation(internal.pool.internal.suspendRefused, { workerId: step.workerId, reason });
      return;
    }
    case "resume":
      if (!isLate) await takeResume(ctx, step, await providers.at(step.home), deadline);
      return;
    case "look": {
      if (isLate || (await (await providers.at(step.home)).getMachine(step.machineId)) !== null) return;
      const reason = "Its machine is gone.";
      await ctx.runMutation(internal.pool.internal.machineGone, { workerId: step.workerId, reason });
      return;
    }
    case "destroy_orphan": {
      if (isLate) return;
      const provider = await providers.at(step.home);
      // The list may have been old; what is destroyed for good is looked at once more.
      const machine = await provider.getMachine(step.machineId);
      if (machine === null || !hasMetadata(machine.metadata, ownershipMetadata(ownership))) return;
      await provider.destroyMachine(step.machineId);
      outcome.terminated += 1;
    }
  }
}

async function takeResume(
  ctx: ActionCtx,
  { workerId, machineId }: Extract<ProviderStep, { workerId: string; machineId: string }>,
  provider: Provider,
  deadline: number,
): Promise<void> {
  const outcome = await resumeMachine(provider, machineId, deadline);
  switch (outcome.kind) {
    case "started":
      return;
    case "gone":
      await ctx.runMutation(internal.pool.internal.machineGone, { workerId, reason: "Its machine is gone." });
      return;
    case "refused": {
      const reason = `Its machine cannot be started again: ${outcome.error.message}`;
      await ctx.runMutation(internal.pool.internal.resumeRefused, { workerId, reason });
    }
  }
}

async function takeCreate(
  ctx: ActionCtx,
  { workerId, machineName, volumeName }: Extract<ProviderStep, { kind: "create" }>,
  context: StepContext & { outcome: StepsOutcome; deadline: number },
  isLate: boolean,
): Promise<void> {
  const { providers, config, ownership, credentials, outcome, deadline } = context;
  const enrollmentCredential = credentials.get(workerId);
  if (enrollmentCredential === undefined) throw new Error(`No credential for worker ${workerId}`);
  if (isLate) {
    await ctx.runMutation(internal.pool.internal.machineGone, { workerId, reason: "The provider was too slow." });
    return;
  }
  const provider = await providers.at(homeOf(config));
  const spawn = { workerId, machineName, enrollmentCredential };
  // What this run has learned about regions counts for its other machines too.
  const cooldowns = nextCooldowns(context.cooldowns, outcome.fullRegions, Date.now());
  const regions = regionsToTry(config.regions, cooldowns, Date.now());
  const created = await createWith(provider, regions, { config, ownership, spawn, volumeName, deadline });
  outcome.fullRegions.push(...created.fullRegions.filter((region) => !outcome.fullRegions.includes(region)));
  if (created.kind === "created") {
    const { machineId, region, volumeId } = created.machine;
    const isSettled = "isSettled" in created && created.isSettled;
    const isExpected: boolean = await ctx.runMutation(internal.pool.internal.machineCreated, {
      workerId,
      machineId,
      region,
      ...(volumeId === undefined ? {} : { volume: { volumeId, isSettled } }),
    });
    if (isExpected) outcome.spawned += 1;
    else await destroyMachine(provider, machineId, { state: created.machine.state, isYoung: true, deadline });
    return;
  }
  if (created.kind === "failed") {
    await ctx.runMutation(internal.pool.internal.machineGone, { workerId, reason: created.error.message });
  }
  throw created.error;
}

type Creation = {
  config: ProviderConfig;
  ownership: Ownership;
  spawn: { workerId: string; machineName: string; enrollmentCredential: string };
  /** As its row says; absent when it was meant to have none. */
  volumeName: string | undefined;
  deadline: number;
};

/** The machine, and before it the volume that it mounts if there is to be one. */
async function createWith(
  provider: Provider,
  regions: string[],
  { config, ownership, spawn, volumeName, deadline }: Creation,
): Promise<CreateOutcome | VolumeCreateOutcome> {
  const { volume, ...plain } = config;
  if (volume === undefined || volumeName === undefined) {
    const specFor = (region: string) => machineSpec(plain, ownership, { ...spawn, region });
    return await createMachine(provider, regions, specFor, deadline);
  }
  const { sizeGb } = volume;
  const wish: Wish = {
    volume: { name: volumeName, sizeGb, guest: config.guest ?? DEFAULT_GUEST },
    machineFor: ({ region, volumeId }) => machineSpec(config, ownership, { ...spawn, region, volumeId }),
  };
  return await createMachineWithVolume(provider, regions, wish, deadline);
}
