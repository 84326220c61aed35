/** Writes cleanup reports: what an app held, what was destroyed, and what the rest costs. Pure. */
import type { CleanupReport } from "../../../shared/reports.js";
import type { ObservedMachine, ObservedVolume } from "../../providers/provider.js";

export type Inventory = { machines: ObservedMachine[]; volumes: ObservedVolume[] };

export function emptyReport(appName: string, dryRun: boolean, found: Inventory): CleanupReport {
  return {
    appName,
    dryRun,
    machinesFound: found.machines.length,
    machinesDeleted: 0,
    machinesRemaining: found.machines.length,
    machineIdsDeleted: [],
    machineIdsRemaining: [],
    machineIdsPending: [],
    machineIdsForeign: [],
    volumesFound: found.volumes.length,
    volumesDeleted: 0,
    volumesRemaining: found.volumes.length,
    volumeIdsDeleted: [],
    volumeIdsRemaining: [],
    volumeIdsPending: [],
    volumeIdsForeign: [],
    estimatedUsdPerDay: 0,
    warnings: [],
    errors: [],
  };
}

/** Completes the report with what the provider says is there now. */
export function reportRemaining(report: CleanupReport, { machines, volumes }: Inventory): void {
  // A list may still show what has been confirmed to be gone.
  const left = machines.filter(({ machineId }) => !report.machineIdsDeleted.includes(machineId));
  report.machinesDeleted = report.machineIdsDeleted.length;
  report.machinesRemaining = left.length;
  report.machineIdsRemaining = left.map(({ machineId }) => machineId);
  report.volumesDeleted = report.volumeIdsDeleted.length;
  const kept = volumes.filter(({ volumeId }) => !report.volumeIdsDeleted.includes(volumeId));
  report.volumesRemaining = kept.length;
  report.volumeIdsRemaining = kept.map(({ volumeId }) => volumeId);
  const usd = [...left, ...kept].reduce((sum, { usdPerDay = 0 }) => sum + usdPerDay, 0);
  report.estimatedUsdPerDay = Math.round(usd * 10_000) / 10_000;
  const foreign = report.machineIdsForeign.length;
  if (foreign > 0) {
    report.warnings.push(`${foreign} machines of this app belong to something else and were left alone.`);
  }
  const unattached = kept.filter(({ volumeId, attachedMachineId }) => {
    return attachedMachineId === null && report.volumeIdsForeign.includes(volumeId);
  });
  if (unattached.length > 0) {
    report.warnings.push(
      `${unattached.length} volumes of this app are attached to no machine and belong to something else: they were left alone. deleteFlyVolume deletes one.`,
    );
  }
}
