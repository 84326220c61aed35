/** The nightly look for machines and volumes that cost money and serve nobody. Only what is provably this deployment's is touched. */
import { agentFactoryError } from "../../shared/errors.js";
import type { ProviderConfig } from "../../shared/provider-config.js";
import type { CleanupReport } from "../../shared/reports.js";
import { internal } from "../_generated/api.js";
import { env } from "../_generated/server.js";
import type { ActionCtx } from "../functions.js";
import type { ObservedMachine, Provider } from "../providers/provider.js";
import { homeOf } from "./homes.js";
import { hasMetadata, ownershipMetadata } from "./machines.js";
import type { Observation } from "./observe.js";
import { asThrown } from "./problem.js";
import { providerConfigMissing, Providers } from "./providers.js";
import { ORPHAN_GRACE_MS } from "./repair.js";
import { destroyMachine } from "./steps.js";

/** One night's work; more than this at once is a sign that something else is wrong, and is left for a person to see. */
const MAX_DELETIONS = 50;
/** Convex ends an action after ten minutes; a report that arrives is worth more than the last few machines. */
const CLEANUP_BUDGET_MS = 5 * 60_000;

/**
 * Destroys this pool's orphans: machines with its full ownership metadata that no live worker refers to, older than a
 * grace period, and confirmed by a fresh look at each. Everything else in the app is counted and left alone.
 *
 * @throws `provider_config_missing`, `provider_unauthorized`, `provider_unreachable`, and what reading the token throws
 */
export async function cleanUpProvider(ctx: ActionCtx, poolKey: string): Promise<CleanupReport> {
  const startedAt = Date.now();
  const deadline = startedAt + CLEANUP_BUDGET_MS;
  const { provider, config, seen } = await openProvider(ctx, poolKey);
  const found = await listEverything(provider);
  const machines = found.machines.filter(({ state }) => state !== "gone" && state !== "leaving");
  const owned = ownershipMetadata({ deploymentUrl: env.CONVEX_CLOUD_URL, poolKey });
  const names = new Set(seen.workers.map(({ machineName }) => machineName));
  const isOrphan = ({ metadata, name, createdAt }: ObservedMachine) =>
    hasMetadata(metadata, owned) && !names.has(name) && createdAt > 0 && startedAt - createdAt >= ORPHAN_GRACE_MS;

  const warnings: string[] = [];
  const errors: string[] = [];
  const deleted = new Set<string>();
  for (const { machineId } of machines.filter(isOrphan)) {
    if (deleted.size >= MAX_DELETIONS || Date.now() >= deadline) {
      warnings.push("There are more orphan machines than one run destroys: the rest is left for the next one.");
      break;
    }
    try {
      const fresh = await provider.getMachine(machineId);
      if (fresh !== null && !isOrphan(fresh)) continue;
      if (
        fresh === null ||
        (await destroyMachine(provider, machineId, { state: fresh.state, isYoung: false, deadline }))
      )
        deleted.add(machineId);
      else warnings.push(`Machine ${machineId} is still being destroyed.`);
    } catch (error) {
      errors.push(`Machine ${machineId}: ${error instanceof Error ? error.message : "unknown error"}`);
    }
  }
  const remaining = machines.map(({ machineId }) => machineId).filter((machineId) => !deleted.has(machineId));
  const foreign = machines.filter(({ metadata }) => !hasMetadata(metadata, owned)).length;
  if (foreign > 0) warnings.push(`${foreign} machines of this app belong to something else and were left alone.`);
  const unattached = found.volumes.filter(({ attachedMachineId }) => attachedMachineId === null).length;
  // No volume is ever made here, so none can be proven to be this deployment's own.
  if (unattached > 0) {
    warnings.push(`${unattached} volumes are attached to no machine. Delete them with deleteFlyVolume.`);
  }
  return {
    appName: config.appName,
    machinesFound: machines.length,
    machinesDeleted: deleted.size,
    machinesRemaining: remaining.length,
    machineIdsDeleted: [...deleted],
    machineIdsRemaining: remaining,
    volumesFound: found.volumes.length,
    volumesDeleted: 0,
    volumesRemaining: found.volumes.length,
    volumeIdsDeleted: [],
    volumeIdsRemaining: found.volumes.map(({ volumeId }) => volumeId),
    warnings,
    errors,
  };
}

/** Deletes one volume of the configured app, by the explicit wish of an operator. @throws `invalid_argument`, and as above */
export async function deleteVolume(ctx: ActionCtx, poolKey: string, volume: { appName: string; volumeId: string }) {
  const { provider, config } = await openProvider(ctx, poolKey);
  if (volume.appName !== config.appName) {
    throw agentFactoryError("invalid_argument", `appName is not the configured app "${config.appName}".`, {
      argument: "appName",
    });
  }
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

async function openProvider(
  ctx: ActionCtx,
  poolKey: string,
): Promise<{ provider: Provider; config: ProviderConfig; seen: Observation }> {
  const seen: Observation = await ctx.runQuery(internal.pool.internal.observation, { poolKey });
  const { providerConfig } = seen;
  if (providerConfig === null) throw providerConfigMissing();
  return { provider: await new Providers(ctx).at(homeOf(providerConfig)), config: providerConfig, seen };
}

async function listEverything(provider: Provider) {
  try {
    return { machines: await provider.listMachines({}), volumes: await provider.listVolumes() };
  } catch (error) {
    throw asThrown(error);
  }
}
