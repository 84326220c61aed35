/** One reconcile, as the action that carries it out: look, list once, plan, and take every step where dying between two lines is harmless. */
import type { ProviderConfig } from "../../shared/provider-config.js";
import { isAgentFactoryError } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import { env } from "../_generated/server.js";
import { randomToken, sha256Hex } from "../digest.js";
import type { ActionCtx } from "../functions.js";
import { ProviderError, type ObservedMachine, type Provider } from "../providers/provider.js";
import { RECONCILE_WINDOW_MS } from "../queue/capacity.js";
import { connectProvider, providerConfigMissing } from "./connect.js";
import { hasMetadata, machineSpec, ownershipMetadata, workerMetadata, type Ownership } from "./machines.js";
import { nextDeadline, plan } from "./plan.js";
import type { CommittedPlan, Observation, Outcome, ProviderStep } from "./run.js";
import { createMachine, destroyMachine } from "./steps.js";

export type ReconcileReport = {
  activeWorkers: number;
  spawned: number;
  terminated: number;
  /** Workers looked at, and those of them that are on their way out when the run ends. */
  checked: number;
  leaving: number;
  nextRunAt: number | null;
};

type Problem = NonNullable<Outcome["problem"]>;

export async function reconcilePool(ctx: ActionCtx, poolKey: string): Promise<ReconcileReport> {
  const startedAt = Date.now();
  const report = { activeWorkers: 0, spawned: 0, terminated: 0, checked: 0, leaving: 0 };
  let outcome: Omit<Outcome, "startedAt"> = { generation: null, problem: null, nextAt: null };
  try {
    outcome = await lookAndAct(ctx, poolKey, report);
  } catch (error) {
    outcome = { ...outcome, problem: describeProblem(error) };
  }
  await ctx.runMutation(internal.pool.internal.finish, { poolKey, startedAt, ...outcome });
  return { ...report, nextRunAt: outcome.nextAt };
}

type Tally = Omit<ReconcileReport, "nextRunAt">;

async function lookAndAct(ctx: ActionCtx, poolKey: string, report: Tally): Promise<Omit<Outcome, "startedAt">> {
  let seen: Observation = await ctx.runQuery(internal.pool.internal.observation, { poolKey });
  if (seen.sweepDue) {
    await ctx.runMutation(internal.pool.internal.sweep, { poolKey });
    seen = await ctx.runQuery(internal.pool.internal.observation, { poolKey });
  }
  const withStatus = (...statuses: string[]) => seen.workers.filter(({ status }) => statuses.includes(status)).length;
  report.activeWorkers = withStatus("active");
  report.checked = seen.workers.length;
  report.leaving = withStatus("draining", "stopping");
  const reserve = Math.max(seen.policy.minWorkers, seen.policy.warmWorkers);
  const nothingWanted = seen.waiting.length === 0 && seen.workers.length === 0;
  if (nothingWanted && (reserve === 0 || seen.providerConfig === null)) {
    return { generation: null, problem: null, nextAt: null };
  }
  if (seen.providerConfig === null) throw providerConfigMissing();
  const provider = await connectProvider(ctx, seen.providerConfig);
  const ownership: Ownership = { deploymentUrl: env.CONVEX_CLOUD_URL, poolKey };
  const owned = ownershipMetadata(ownership);
  // The provider's filter is a courtesy; what is ours is decided here.
  const machines = (await provider.listMachines(owned)).filter(({ metadata }) => hasMetadata(metadata, owned));
  const now = Date.now();
  const nextAt = nextDeadline({ ...seen, now });
  if (plan({ ...seen, machines, now }).length === 0) return { generation: null, problem: null, nextAt };

  const credentials = new Map<string, string>();
  const tickets = [];
  for (let index = 0; index < seen.policy.spawnStep && index < seen.policy.maxWorkers; index++) {
    const workerId = newWorkerId();
    const credential = randomToken();
    credentials.set(workerId, credential);
    tickets.push({ workerId, credentialHash: await sha256Hex(credential) });
  }
  const committed: CommittedPlan | null = await ctx.runMutation(internal.pool.internal.commit, {
    poolKey,
    machines,
    tickets,
  });
  if (committed === null) return { generation: null, problem: null, nextAt };
  report.leaving = Math.max(0, report.leaving + committed.drained);
  const problem = await takeSteps(ctx, committed.steps, {
    provider,
    config: seen.providerConfig,
    ownership,
    credentials,
    report,
  });
  // What was done changes what is to be done: look again as soon as the window allows.
  return { generation: committed.generation, problem, nextAt: Date.now() + RECONCILE_WINDOW_MS };
}

type StepContext = {
  provider: Provider;
  config: ProviderConfig;
  ownership: Ownership;
  credentials: Map<string, string>;
  report: Tally;
};

/** Takes all steps, each on its own: one that fails is planned again and does not keep the others from happening. */
async function takeSteps(ctx: ActionCtx, steps: ProviderStep[], context: StepContext): Promise<Problem | null> {
  let problem: Problem | null = null;
  // Destroying first: it makes room, and it is what stops the meter.
  for (const step of [...steps].sort((left, right) => right.kind.localeCompare(left.kind))) {
    try {
      await takeStep(ctx, step, context);
    } catch (error) {
      problem = describeProblem(error);
      ctx.log.warn("pool.step_failed", { step: step.kind, kind: problem.kind });
    }
  }
  return problem;
}

async function takeStep(
  ctx: ActionCtx,
  step: ProviderStep,
  { provider, config, ownership, credentials, report }: StepContext,
): Promise<void> {
  switch (step.kind) {
    case "create": {
      const { workerId, machineName } = step;
      const enrollmentCredential = credentials.get(workerId);
      if (enrollmentCredential === undefined) throw new Error(`No credential for worker ${workerId}`);
      const specFor = (region: string) =>
        machineSpec(config, ownership, { workerId, machineName, enrollmentCredential, region });
      const created = await createMachine(provider, config.regions, specFor, workerMetadata(ownership, workerId));
      if (created.kind === "unknown") return;
      if (created.kind === "failed") {
        await ctx.runMutation(internal.pool.internal.machineGone, { workerId, reason: created.error.message });
        throw created.error;
      }
      const { machineId, region }: ObservedMachine = created.machine;
      await ctx.runMutation(internal.pool.internal.machineCreated, { workerId, machineId, region });
      report.spawned += 1;
      return;
    }
    case "destroy": {
      if (step.machineId === null && step.mayStillAppear) return;
      const isGone = step.machineId === null || (await destroyMachine(provider, step.machineId));
      if (!isGone) return;
      const reason = step.machineId === null ? "No machine of it exists." : "Its machine is destroyed.";
      await ctx.runMutation(internal.pool.internal.machineGone, { workerId: step.workerId, reason });
      report.terminated += 1;
      return;
    }
    case "destroy_orphan":
      await destroyMachine(provider, step.machineId);
      report.terminated += 1;
  }
}

/** Part of a machine's name, so letters and digits only; 60 bits are unique among any pool's workers. */
function newWorkerId(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return "w" + Array.from(bytes, (byte) => alphabet.charAt(byte % alphabet.length)).join("");
}

function describeProblem(error: unknown): Problem {
  if (isAgentFactoryError(error)) return { kind: error.data.kind, message: error.data.message };
  if (!(error instanceof ProviderError)) throw error;
  const reference = error.details.requestId === null ? "" : ` (Fly request ${error.details.requestId})`;
  switch (error.kind) {
    case "unauthorized":
      return {
        kind: "provider_unauthorized",
        message: `The provider refuses the stored token, or a quota is used up. Store a valid one: importSecret "fly.apiToken".${reference}`,
      };
    case "busy":
    case "ambiguous":
      return {
        kind: "provider_unreachable",
        message: `The provider cannot be reached or is overloaded; the pool keeps trying. ${error.message}${reference}`,
      };
    default:
      return { kind: "provider_rejected", message: `The provider refused: ${error.message}${reference}` };
  }
}
