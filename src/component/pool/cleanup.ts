/** The nightly look for machines that cost money and serve nobody. Only what is provably this pool's, twice, is touched. */
import { agentFactoryError } from "../../shared/errors.js";
import type { ProviderConfig } from "../../shared/provider-config.js";
import type { CleanupReport } from "../../shared/reports.js";
import { internal } from "../_generated/api.js";
import { env } from "../_generated/server.js";
import type { ActionCtx } from "../functions.js";
import type { ObservedMachine, Provider } from "../providers/provider.js";
import { homeOf } from "./homes.js";
import { workerIdOf, type Ownership } from "./machines.js";
import type { Observation } from "./observe.js";
import { judge, type OrphanRule } from "./orphans.js";
import { asThrown } from "./problem.js";
import { providerConfigMissing, Providers } from "./providers.js";
import { emptyReport, reportRemaining, type Inventory } from "./report.js";
import { SECOND_SWEEP_AFTER_MS } from "./sightings.js";
import { destroyMachine } from "./steps.js";

/** One night's work; more than this at once is a sign that something else is wrong, and is left for a person to see. */
const MAX_DELETIONS = 50;
/** Below this many, no share of the pool is suspicious: most pools are small. */
const UNSUSPICIOUS_DELETIONS = 5;
/** More orphans than this among the pool's machines look like a mistake about which are orphans. */
const DEFAULT_MAX_PERCENT = 50;
/** Convex ends an action after ten minutes; a report that arrives is worth more than the last few machines. */
const CLEANUP_BUDGET_MS = 5 * 60_000;

export type CleanupOptions = {
  /** Says what would be done, and remembers nothing. */
  dryRun?: boolean | undefined;
  /** The share of the pool's machines, 1–100, that may be destroyed at once; five machines always may. */
  maxPercent?: number | undefined;
};

/**
 * Destroys this pool's orphans: machines with its full ownership metadata and name that no live worker refers to, older than a
 * grace period, in a state that is known, seen so by an earlier cleanup as well, and confirmed by a fresh look at each.
 * Everything else in the app is counted, reported and left alone.
 *
 * @throws `provider_config_missing`, `provider_unauthorized`, `provider_unreachable`, and what reading the token throws
 */
export async function cleanUpProvider(
  ctx: ActionCtx,
  poolKey: string,
  { dryRun = false, maxPercent = DEFAULT_MAX_PERCENT }: CleanupOptions,
): Promise<CleanupReport> {
  const startedAt = Date.now();
  const { provider, config, seen } = await openProvider(ctx, poolKey);
  const found = await takeInventory(provider);
  const ownership: Ownership = { deploymentUrl: env.CONVEX_CLOUD_URL, poolKey };
  const liveNames = new Set(seen.workers.map(({ machineName }) => machineName));
  const rule: OrphanRule = { ownership, liveNames, now: startedAt };
  const verdictOf = (machine: ObservedMachine) => judge(machine, rule);

  const report = emptyReport(config.appName, dryRun, found);
  const foreign = found.machines.filter((machine) => verdictOf(machine) === "foreign");
  report.machineIdsForeign = foreign.map(({ machineId }) => machineId);
  const orphans = found.machines.filter((machine) => verdictOf(machine) === "orphan");
  const earlier: { machineId: string; firstSeenAt: number }[] = await ctx.runQuery(internal.pool.internal.sightings, {
    poolKey,
  });
  const seenBefore = new Set(
    earlier
      .filter(({ firstSeenAt }) => startedAt - firstSeenAt >= SECOND_SWEEP_AFTER_MS)
      .map(({ machineId }) => machineId),
  );
  const due = orphans.filter(({ machineId }) => seenBefore.has(machineId));
  report.machineIdsPending = orphans.filter((machine) => !due.includes(machine)).map(({ machineId }) => machineId);

  const owned = found.machines.length - foreign.length;
  const isSuspicious = due.length > UNSUSPICIOUS_DELETIONS && due.length * 100 > owned * maxPercent;
  if (isSuspicious) {
    report.errors.push(
      `${due.length} of the pool's ${owned} machines look like orphans, which is more than ${maxPercent} %: nothing was destroyed. Look at them, then call again with a higher maxPercent.`,
    );
  } else if (dryRun) {
    report.machineIdsPending.push(...due.map(({ machineId }) => machineId));
  } else {
    await destroyOrphans(ctx, provider, due, { rule, report, deadline: startedAt + CLEANUP_BUDGET_MS });
  }
  if (!dryRun) {
    const remembered = orphans
      .map(({ machineId }) => machineId)
      .filter((machineId) => !report.machineIdsDeleted.includes(machineId));
    await ctx.runMutation(internal.pool.internal.rememberSightings, { poolKey, machineIds: remembered });
  }
  // What is left is what the provider says is left, not what we believe to have destroyed.
  const after = report.machineIdsDeleted.length === 0 ? found : await takeInventory(provider);
  reportRemaining(report, after);
  return report;
}

type Destroying = { rule: OrphanRule; report: CleanupReport; deadline: number };

async function destroyOrphans(
  ctx: ActionCtx,
  provider: Provider,
  due: ObservedMachine[],
  { rule, report, deadline }: Destroying,
): Promise<void> {
  for (const { machineId, metadata } of due) {
    if (report.machineIdsDeleted.length >= MAX_DELETIONS || Date.now() >= deadline) {
      report.warnings.push("There are more orphan machines than one run destroys: the rest is left for the next one.");
      return;
    }
    try {
      // Rows and machine once more, just before it is for good: both may have changed since they were listed.
      const isWanted: boolean = await ctx.runQuery(internal.pool.internal.isMachineWanted, {
        workerId: workerIdOf(metadata) ?? "",
      });
      const fresh = await provider.getMachine(machineId);
      if (isWanted || (fresh !== null && judge(fresh, { ...rule, now: Date.now() }) !== "orphan")) continue;
      const isGone =
        fresh === null || (await destroyMachine(provider, machineId, { state: fresh.state, isYoung: false, deadline }));
      if (isGone) report.machineIdsDeleted.push(machineId);
      else report.warnings.push(`Machine ${machineId} is still being destroyed.`);
    } catch (error) {
      report.errors.push(`Machine ${machineId}: ${error instanceof Error ? error.message : "unknown error"}`);
    }
  }
}

/** Deletes one volume of the configured app, by the explicit wish of an operator. @throws `invalid_argument`, and as above */
export async function deleteVolume(ctx: ActionCtx, poolKey: string, volume: { appName: string; volumeId: string }) {
  const { provider, config } = await openProvider(ctx, poolKey);
  requireAppName(config, volume.appName);
  try {
    const known = (await provider.listVolumes()).find(({ volumeId }) => volumeId === volume.volumeId);
    if (known?.attachedMachineId != null) {
      return { ok: false, status: 409, message: `It is attached to machine ${known.attachedMachineId}.` };
    }
    const { status, message } = await provider.deleteVolume(volume.volumeId);
    return { ok: status >= 200 && status < 300, status, message };
  } catch (error) {
    throw asThrown(error);
  }
}

/** @throws `invalid_argument`: whoever deletes says from where */
export function requireAppName(config: ProviderConfig, appName: string): void {
  if (appName === config.appName) return;
  throw agentFactoryError("invalid_argument", `appName is not the configured app "${config.appName}".`, {
    argument: "appName",
  });
}

export async function openProvider(
  ctx: ActionCtx,
  poolKey: string,
): Promise<{ provider: Provider; config: ProviderConfig; seen: Observation }> {
  const seen: Observation = await ctx.runQuery(internal.pool.internal.observation, { poolKey });
  const { providerConfig } = seen;
  if (providerConfig === null) throw providerConfigMissing();
  return { provider: await new Providers(ctx).at(homeOf(providerConfig)), config: providerConfig, seen };
}

/** Everything in the app that is not gone or going. */
export async function takeInventory(provider: Provider): Promise<Inventory> {
  try {
    const machines = await provider.listMachines({});
    const volumes = await provider.listVolumes();
    return {
      machines: machines.filter(({ state }) => state !== "gone" && state !== "leaving"),
      volumes: volumes.filter(({ state }) => state !== "leaving"),
    };
  } catch (error) {
    throw asThrown(error);
  }
}
