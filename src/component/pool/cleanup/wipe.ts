/** Tears a pool down: every machine of it goes, whoever works on it. Never called by anything but an operator. */
import type { CleanupReport } from "../../../shared/reports.js";
import { internal } from "../../_generated/api.js";
import { env } from "../../_generated/server.js";
import type { ActionCtx, MutationCtx } from "../../functions.js";
import { requestCapacity } from "../../queue/capacity.js";
import { MAX_LIVE_WORKERS, moveWorker, readLiveWorkerIds } from "../../workers/fleet.js";
import { wipeVolumes } from "./cleanupVolumes.js";
import { openProvider, requireAppName, takeInventory } from "./cleanup.js";
import { judge } from "../plan/orphans.js";
import { savePolicy } from "../policy.js";
import { emptyReport, reportRemaining } from "./report.js";
import { destroyMachine } from "../steps.js";

/** Each of them ends leases and writes what happened; a transaction has room for several times as many. */
const FENCED_PER_TRANSACTION = 25;
/** Convex ends an action after ten minutes; what is left then is what the report says, and another call goes on. */
const WIPE_BUDGET_MS = 5 * 60_000;

/**
 * Sets the pool's limits to zero, takes every worker's leases away, and destroys every machine that carries the pool's
 * ownership metadata, with its volume. What they were running goes back to its conversations and waits until `maxWorkers` is raised again.
 *
 * @throws `invalid_argument` unless `appName` is the configured app's, and as `cleanUpProvider`
 */
export async function wipeProvider(ctx: ActionCtx, poolKey: string, appName: string): Promise<CleanupReport> {
  const deadline = Date.now() + WIPE_BUDGET_MS;
  const { provider, config } = await openProvider(ctx, poolKey);
  requireAppName(config, appName);
  for (let rest = true, round = 0; rest && round < MAX_LIVE_WORKERS; round++) {
    rest = await ctx.runMutation(internal.pool.internal.fenceSome, { poolKey });
  }
  const found = await takeInventory(provider);
  const report = emptyReport(config.appName, false, found);
  const rule = {
    ownership: { deploymentUrl: env.CONVEX_CLOUD_URL, poolKey },
    liveNames: new Set<string>(),
    now: Date.now(),
  };
  for (const machine of found.machines) {
    const { machineId } = machine;
    if (judge(machine, rule) === "foreign") {
      report.machineIdsForeign.push(machineId);
      continue;
    }
    if (Date.now() >= deadline) {
      report.warnings.push("There was not enough time for all machines: call again.");
      break;
    }
    try {
      const { state } = machine;
      const isGone = await destroyMachine(provider, machineId, { state, isYoung: true, deadline });
      if (isGone) report.machineIdsDeleted.push(machineId);
      else report.warnings.push(`Machine ${machineId} is still being destroyed.`);
    } catch (error) {
      report.errors.push(`Machine ${machineId}: ${error instanceof Error ? error.message : "unknown error"}`);
    }
  }
  const { volumes } = report.machineIdsDeleted.length === 0 ? found : await takeInventory(provider);
  await wipeVolumes({ ctx, provider, ownership: rule.ownership, report }, volumes, deadline);
  reportRemaining(report, await takeInventory(provider));
  return report;
}

/** Stops the pool from making machines, and fences some of its workers. True when there may be more. */
export async function fenceSome(ctx: MutationCtx, poolKey: string): Promise<boolean> {
  await savePolicy(ctx, poolKey, { minWorkers: 0, maxWorkers: 0, warmWorkers: 0 });
  const workerIds = await readLiveWorkerIds(ctx, poolKey, FENCED_PER_TRANSACTION);
  for (const workerId of workerIds) await moveWorker(ctx, workerId, "lost", "The pool is being wiped.");
  // Whatever is not confirmed to be gone when the wipe ends is the next reconcile's to confirm.
  await requestCapacity(ctx, poolKey, Date.now(), { anew: true });
  return workerIds.length === FENCED_PER_TRANSACTION;
}
