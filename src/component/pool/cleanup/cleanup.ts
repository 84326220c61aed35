/** The nightly look for machines and volumes that cost money and serve nobody. Only what is provably this pool's, twice, is touched. */
import { agentFactoryError } from "../../../shared/errors.js";
import type { ProviderConfig } from "../../../shared/provider-config.js";
import type { CleanupReport } from "../../../shared/reports.js";
import { internal } from "../../_generated/api.js";
import { env } from "../../_generated/server.js";
import type { ActionCtx } from "../../functions.js";
import type { Provider } from "../../providers/provider.js";
import { sweepMachines } from "./cleanupMachines.js";
import type { Sweep } from "./cleanupSweep.js";
import { sweepVolumes } from "./cleanupVolumes.js";
import { homeOf } from "../homes.js";
import type { Observation } from "../observe.js";
import { asThrown } from "../problem.js";
import { providerConfigMissing, Providers } from "../providers.js";
import { emptyReport, reportRemaining, type Inventory } from "./report.js";
import { SECOND_SWEEP_AFTER_MS, type Sighting } from "./sightings.js";

/** More orphans than this among the pool's machines, or volumes, look like a mistake about which are orphans. */
const DEFAULT_MAX_PERCENT = 50;
/** Convex ends an action after ten minutes; a report that arrives is worth more than the last few machines. */
const CLEANUP_BUDGET_MS = 5 * 60_000;

export type CleanupOptions = {
  /** Says what would be done, and remembers nothing. */
  dryRun?: boolean | undefined;
  /** The share of the pool's machines, or volumes, 1–100, that may be destroyed at once; five always may. */
  maxPercent?: number | undefined;
};

/**
 * Destroys this pool's orphans: machines with its full ownership metadata and name, and unattached volumes with its names, that no
 * live worker refers to, older than a grace period, in a state that is known, seen so by an earlier cleanup as well, and confirmed
 * by a fresh look at each. A volume that may hold the only copy of something stays.
 * Everything else in the app is counted, reported and left alone.
 *
 * @throws `provider_config_missing`, `provider_unauthorized`, `provider_unreachable`, and what reading the token throws
 */
export async function cleanUpProvider(
  ctx: ActionCtx,
  poolKey: string,
  { dryRun = false, maxPercent = DEFAULT_MAX_PERCENT }: CleanupOptions,
): Promise<CleanupReport> {
  const now = Date.now();
  const { provider, config, seen } = await openProvider(ctx, poolKey);
  const found = await takeInventory(provider);
  const report = emptyReport(config.appName, dryRun, found);
  const sweep: Sweep = {
    ctx,
    provider,
    ownership: { deploymentUrl: env.CONVEX_CLOUD_URL, poolKey },
    found,
    report,
    seenBefore: await readSeenBefore(ctx, poolKey, now),
    dryRun,
    maxPercent,
    now,
    deadline: now + CLEANUP_BUDGET_MS,
  };
  const orphans = await sweepMachines(sweep, new Set(seen.workers.map(({ machineName }) => machineName)));
  orphans.push(...(await sweepVolumes(sweep)));
  const deleted = [...report.machineIdsDeleted, ...report.volumeIdsDeleted];
  if (!dryRun) {
    const ids = orphans.filter((id) => !deleted.includes(id));
    await ctx.runMutation(internal.pool.internal.rememberSightings, { poolKey, ids });
  }
  // What is left is what the provider says is left, not what we believe to have destroyed.
  const after = deleted.length === 0 ? found : await takeInventory(provider);
  reportRemaining(report, after);
  return report;
}

async function readSeenBefore(ctx: ActionCtx, poolKey: string, now: number): Promise<Set<string>> {
  const earlier: Sighting[] = await ctx.runQuery(internal.pool.internal.sightings, { poolKey });
  const old = earlier.filter(({ firstSeenAt }) => now - firstSeenAt >= SECOND_SWEEP_AFTER_MS);
  return new Set(old.map(({ id }) => id));
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
