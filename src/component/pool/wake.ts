/**
 * Wakes sleepers that somebody waits for, ahead of and beside the reconcile: it needs no list, and waits for nobody's slow steps.
 *
 * That is safe because starting a machine that runs changes nothing, and a wish to wake up is a row before it is a call, like
 * every intent. Everything else is left to the reconcile that follows.
 */
import { internal } from "../_generated/api.js";
import type { ActionCtx, MutationCtx } from "../functions.js";
import { keepFor } from "../queue/reservation.js";
import { findWorker } from "../workers/authenticate.js";
import { recordResume } from "../workers/suspension.js";
import { mayAsk } from "./breaker.js";
import { homeOf } from "./homes.js";
import { retryPowerAfter } from "./intents.js";
import { deadlineOfRunning, findRun, type Observation } from "./observe.js";
import { plan } from "./plan/plan.js";
import { Providers } from "./providers.js";
import type { PlanAction } from "./plan/situation.js";
import { takeResumes, type ResumeStep, type StepsOutcome } from "./takeSteps.js";

/** Each is a few documents, and a provider that is asked for more than this at once answers ever more slowly. */
const MAX_WAKE_UPS = 50;

export type WakeUp = { workerId: string; conversationIds: string[]; reason: string };

/** The sleepers that the plan would wake if it had seen no machine at all. Pure. */
export function wakeUps(seen: Observation, now: number): WakeUp[] {
  const homes = seen.workers.map(({ home }) => home);
  const planned = plan({ ...seen, machines: [], unlistedHomes: homes, now });
  return planned.flatMap(asWakeUp).slice(0, MAX_WAKE_UPS);
}

function asWakeUp(action: PlanAction): WakeUp[] {
  if (action.kind !== "resume") return [];
  const { workerId, conversationIds, reason } = action;
  return [{ workerId, conversationIds, reason }];
}

/** Writes the wishes to wake up, and returns whose machines are to be started for them. */
export async function recordWakeUps(ctx: MutationCtx, poolKey: string, wanted: WakeUp[]): Promise<ResumeStep[]> {
  const now = Date.now();
  const run = await findRun(ctx, poolKey);
  // The run that acts may just be freezing them: a start that overtakes the freezing would leave a worker frozen at work.
  const freezing = deadlineOfRunning(run, now) === null ? [] : (run?.freezing ?? []);
  const steps: ResumeStep[] = [];
  for (const { workerId, conversationIds, reason } of wanted) {
    const worker = await findWorker(ctx, workerId);
    if (worker?.status !== "suspended" || worker.machineId === undefined || freezing.includes(workerId)) continue;
    // Asked a moment ago, by another run or pass.
    if (worker.wakeRequestedAt !== undefined && now < (worker.powerAt ?? 0)) continue;
    await recordResume(ctx, workerId, { reason, retryAfterMs: retryPowerAfter(workerId) });
    for (const conversationId of conversationIds) await keepFor(ctx, workerId, conversationId);
    const home = homeOf({ kind: worker.providerKind, appName: worker.appName });
    steps.push({ kind: "resume", workerId, machineId: worker.machineId, home });
  }
  return steps;
}

/** Writes the wishes and begins to start the machines; `null` when nobody is to be woken. */
export async function beginToWake(
  ctx: ActionCtx,
  poolKey: string,
  seen: Observation,
  providers: Providers,
): Promise<{ over: Promise<StepsOutcome> } | null> {
  const now = Date.now();
  const isAsked = seen.providerConfig !== null && mayAsk(seen.breaker, now) === "yes";
  const wanted = isAsked ? wakeUps(seen, now) : [];
  if (wanted.length === 0) return null;
  const steps: ResumeStep[] = await ctx.runMutation(internal.pool.internalProvider.recordWakeUps, { poolKey, wanted });
  return { over: takeResumes(ctx, steps, providers) };
}

/** A pass between two reconciles. What goes wrong is seen by the next of them, which asks again. */
export async function wakeSleepers(ctx: ActionCtx, poolKey: string): Promise<void> {
  const seen: Observation = await ctx.runQuery(internal.pool.internal.observation, { poolKey });
  await (
    await beginToWake(ctx, poolKey, seen, new Providers(ctx))
  )?.over;
}
