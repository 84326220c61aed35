/** The one public door: everything an app may call, re-exported from the rooms that define it. */
export { configureAgent, getRequiredSecretRefs } from "./agents/public.js";
export {
  cancelMessageForUserAgent,
  discardMediaUpload,
  fleetTimeline,
  generateMediaUploadUrl,
  getActiveUserAgent,
  getConversationViewForUserAgent,
  getLatestSnapshotForUserAgent,
  getUserAgent,
  getUserAgentsOverview,
  listQueueItemsForConversation,
  listQueueItemsForUserAgent,
  listSnapshotsForConversation,
  listSnapshotsForUserAgent,
  listUserAgents,
  listWorkers,
  ownerOfConversation,
  sendMessageToUserAgent,
  workerStats,
} from "./console/public.js";
export { bindUserAgent, getUserAgentBinding, resolveAgentForUser, revokeUserAgentBinding } from "./identity/public.js";
export {
  checkIdleShutdowns,
  deleteFlyVolume,
  poolHealth,
  providerRuntimeConfig,
  reconcileWorkers,
  runFlyCleanup,
  scalingPolicy,
  setProviderRuntimeConfig,
  setScalingPolicy,
  wipeFlyApp,
} from "./pool/public.js";
export {
  agentQueueStats,
  cancelMessage,
  enqueue,
  hasQueuedJobsForConversation,
  listJobsByStatus,
  queueHealth,
  queueStats,
  redrive,
  releaseStuckJobs,
} from "./queue/public.js";
export { runRetention } from "./retention/public.js";
export { importSecret, secretStatus } from "./secrets/public.js";
export { deleteGlobalSkill, deployGlobalSkill, listGlobalSkills, setGlobalSkillStatus } from "./skills/public.js";
export {
  addTurnFile,
  appendConversationMessages,
  appendTurnDelta,
  claim,
  complete,
  drained as workerDrained,
  enrollWorker,
  fail,
  failDataSnapshotUpload,
  finalizeDataSnapshotUpload,
  generateTurnFileUploadUrl,
  getHydrationBundle,
  getLatestDataSnapshotForRestore,
  getWorkerControlState,
  getWorkerGlobalSkillsManifest,
  heartbeat,
  inbox as workerInbox,
  prepareDataSnapshotUpload,
  release,
  rotateWorkerToken,
  workerHasQueued as workerConversationHasQueued,
} from "./workers/public.js";
