/** The nightly look for machines and volumes that cost money and serve nobody. Only what is provably this deployment's is touched. */
import { agentFactoryError } from "../../shared/errors.js";
import type { CleanupReport } from "../../shared/reports.js";
import { internal } from "../_generated/api.js";
import { env } from "../_generated/server.js";
import type { ActionCtx } from "../functions.js";
import type { ObservedMachine } from "../providers/provider.js";
import { connectProvider, providerConfigMissing } from "./connect.js";
import { hasMetadata, ownershipMetadata } from "./machines.js";
import { ORPHAN_GRACE_MS } from "./plan.js";
import type { Observation } from "./run.js";
import { destroyMachine } from "./steps.js";

/** One night's work; more than this at once is a sign that something else is wrong, and is left for a person to see. */
const MAX_DELETIONS = 50;

/**
 * Destroys this pool's orphans: machines with its full ownership metadata that no live worker refers to, older than a
 * grace period, and confirmed by a fresh look at each. Everything else in the app is counted and left alone.
 */
export async function cleanUpProvider(ctx: ActionCtx, poolKey: string): Promise<CleanupReport> {
  const seen: Observation = await ctx.runQuery(internal.pool.internal.observation, { poolKey });
  if (seen.providerConfig === null) throw providerConfigMissing();
  const provider = await connectProvider(ctx, seen.providerConfig);
  const owned = ownershipMetadata({ deploymentUrl: env.CONVEX_CLOUD_URL, poolKey });
  const machines = (await provider.listMachines({})).filter(({ state }) => state !== "gone" && state !== "leaving");
  const volumes = await provider.listVolumes();
  const report: CleanupReport = {
    appName: seen.providerConfig.appName,
    machinesFound: machines.length,
    machinesDeleted: 0,
    machinesRemaining: machines.length,
    machineIdsDeleted: [],
    machineIdsRemaining: [],
    volumesFound: volumes.length,
    volumesDeleted: 0,
    volumesRemaining: volumes.length,
    volumeIdsDeleted: [],
    volumeIdsRemaining: volumes.map(({ volumeId }) => volumeId),
    warnings: [],
    errors: [],
  };
  const names = new Set(seen.workers.map(({ machineName }) => machineName));
  const isOrphan = (machine: ObservedMachine) =>
    hasMetadata(machine.metadata, owned) &&
    !names.has(machine.name) &&
    machine.createdAt > 0 &&
    Date.now() - machine.createdAt >= ORPHAN_GRACE_MS;
  for (const machine of machines) {
    if (!isOrphan(machine)) continue;
    if (report.machinesDeleted >= MAX_DELETIONS) {
      report.warnings.push(`More than ${MAX_DELETIONS} orphan machines: the rest is left for the next run.`);
      break;
    }
    try {
      const fresh = await provider.getMachine(machine.machineId);
      if (fresh !== null && !isOrphan(fresh)) continue;
      if (await destroyMachine(provider, machine.machineId)) report.machineIdsDeleted.push(machine.machineId);
      else report.warnings.push(`Machine ${machine.machineId} is still being destroyed.`);
    } catch (error) {
      report.errors.push(`Machine ${machine.machineId}: ${error instanceof Error ? error.message : "unknown error"}`);
    }
    report.machinesDeleted = report.machineIdsDeleted.length;
  }
  const deleted = new Set(report.machineIdsDeleted);
  report.machineIdsRemaining = machines
    .map(({ machineId }) => machineId)
    .filter((machineId) => !deleted.has(machineId));
  report.machinesRemaining = report.machineIdsRemaining.length;
  const foreign = machines.filter(({ metadata }) => !hasMetadata(metadata, owned)).length;
  if (foreign > 0)
    report.warnings.push(`${foreign} machines of this app belong to something else and were left alone.`);
  const unattached = volumes.filter(({ attachedMachineId }) => attachedMachineId === null).length;
  // This version creates no volumes, so none can be proven to be its own.
  if (unattached > 0)
    report.warnings.push(`${unattached} volumes are attached to no machine. Delete them with deleteFlyVolume.`);
  return report;
}

/** Deletes one volume of the configured app, by the explicit wish of an operator. @throws `invalid_argument` */
export async function deleteVolume(ctx: ActionCtx, poolKey: string, volume: { appName: string; volumeId: string }) {
  const seen: Observation = await ctx.runQuery(internal.pool.internal.observation, { poolKey });
  if (seen.providerConfig === null) throw providerConfigMissing();
  if (volume.appName !== seen.providerConfig.appName) {
    throw agentFactoryError("invalid_argument", `appName is not the configured app "${seen.providerConfig.appName}".`, {
      argument: "appName",
    });
  }
  const provider = await connectProvider(ctx, seen.providerConfig);
  const known = (await provider.listVolumes()).find(({ volumeId }) => volumeId === volume.volumeId);
  if (known?.attachedMachineId != null) {
    return { ok: false, status: 409, message: `It is attached to machine ${known.attachedMachineId}.` };
  }
  const { status, message } = await provider.deleteVolume(volume.volumeId);
  return { ok: status >= 200 && status < 300, status, message };
}
