/** What administrative calls report, as validators. */
import { v, type Infer } from "convex/values";
import { vMessageStatus } from "./payload.js";

export const vReconcileReport = v.object({ activeWorkers: v.number(), spawned: v.number(), terminated: v.number() });

export const vIdleShutdownReport = v.object({
  checked: v.number(),
  stopped: v.number(),
  pending: v.number(),
  nextCheckScheduled: v.boolean(),
});

export const vRecoveryReport = v.object({ requeued: v.number(), unlocked: v.number() });

/** `status` is the message's afterwards; `canceled` is false when it had ended before. */
export const vCancellation = v.object({ canceled: v.boolean(), status: vMessageStatus });
/** `redriven` is false when it was no dead letter. */
export const vRedrive = v.object({ redriven: v.boolean(), status: vMessageStatus });

/** Where to POST a file to, and as what. `uploadId` names the upload until it is sent, which it may be until `expiresAt`. */
export const vOpenedUpload = v.object({
  uploadId: v.string(),
  uploadUrl: v.string(),
  contentType: v.string(),
  expiresAt: v.number(),
});
export type OpenedUpload = Infer<typeof vOpenedUpload>;

export const vRetentionReport = v.object({
  messages: v.number(),
  rawUpdates: v.number(),
  snapshots: v.number(),
  workers: v.number(),
  /** Uploads that were not sent in time. */
  uploads: v.number(),
  /** Stored files that nothing names. */
  files: v.number(),
  more: v.boolean(),
});
export type RetentionReport = Infer<typeof vRetentionReport>;

/**
 * `...Found` counts what the app holds, `...Deleted` what this run destroyed, `...Remaining` what the provider lists afterwards.
 * `...IdsPending` are orphans that are left for now: seen for the first time, or found by a dry run. `...IdsForeign` are
 * nobody's of ours, and never touched. `estimatedUsdPerDay` is what the remaining machines and volumes cost.
 */
export const vCleanupReport = v.object({
  appName: v.string(),
  dryRun: v.boolean(),
  machinesFound: v.number(),
  machinesDeleted: v.number(),
  machinesRemaining: v.number(),
  machineIdsDeleted: v.array(v.string()),
  machineIdsRemaining: v.array(v.string()),
  machineIdsPending: v.array(v.string()),
  machineIdsForeign: v.array(v.string()),
  volumesFound: v.number(),
  volumesDeleted: v.number(),
  volumesRemaining: v.number(),
  volumeIdsDeleted: v.array(v.string()),
  volumeIdsRemaining: v.array(v.string()),
  volumeIdsPending: v.array(v.string()),
  volumeIdsForeign: v.array(v.string()),
  estimatedUsdPerDay: v.number(),
  warnings: v.array(v.string()),
  errors: v.array(v.string()),
});
export type CleanupReport = Infer<typeof vCleanupReport>;

export const vVolumeDeletion = v.object({ ok: v.boolean(), status: v.number(), message: v.string() });

export const vImportedSecret = v.object({ secretId: v.string(), secretRef: v.string(), version: v.number() });
export type ImportedSecret = Infer<typeof vImportedSecret>;

export const vSecretStatus = v.object({
  secretRef: v.string(),
  hasActive: v.boolean(),
  version: v.union(v.number(), v.null()),
});

export const vRequiredSecretRefs = v.object({
  agentKey: v.union(v.string(), v.null()),
  secretRefs: v.array(v.string()),
});
