/**
 * The component's functions as this app offers them, e.g. `api.agentFactory.sendMessageToUserAgent`.
 *
 * An app leaves out what its pages do not use. The workers' functions must stay in this module: it is where workers look
 * for them unless `providerConfig.functionsModule` names another one.
 */
import { factory } from "./factory.js";

/** For signed-in users: their own agents, conversations and snapshots, nobody else's. */
export const {
  myAgentKey,
  getUserAgentBinding,
  revokeUserAgentBinding,
  listUserAgents,
  getUserAgent,
  getActiveUserAgent,
  getUserAgentsOverview,
  sendMessageToUserAgent,
  generateMediaUploadUrlForUserAgent,
  discardMediaUploadForUserAgent,
  cancelMessageForUserAgent,
  getConversationViewForUserAgent,
  listQueueItemsForUserAgent,
  listSnapshotsForUserAgent,
  getLatestSnapshotForUserAgent,
} = factory;

/** For operators: whoever `auth` in `factory.ts` calls an admin. */
export const {
  configureAgent,
  seedDefaultAgent,
  bindUserAgent,
  enqueue,
  queueStats,
  agentQueueStats,
  queueHealth,
  cancelMessage,
  redrive,
  listJobsByStatus,
  listQueueItemsForConversation,
  listSnapshotsForConversation,
  recoverQueue,
  getProviderRuntimeConfig,
  setProviderRuntimeConfig,
  getScalingPolicy,
  setScalingPolicy,
  poolHealth,
  listWorkers,
  fleetTimeline,
  workerStats,
  startWorkers,
  checkIdleShutdowns,
  runFlyCleanup,
  deleteFlyVolume,
  importSecret,
  secretStatus,
  getRequiredSecretRefs,
  globalSkillsDeploy,
  globalSkillsList,
  globalSkillsSetStatus,
  globalSkillsDelete,
} = factory;

/** For workers: each brings a token of its own, which the component checks. */
export const {
  workerEnroll,
  workerRotateToken,
  workerInbox,
  workerClaim,
  workerHeartbeat,
  workerHydrationBundle,
  workerGlobalSkillsManifest,
  workerAppendTurnDelta,
  workerGenerateMediaUploadUrl,
  workerAddReplyFile,
  workerComplete,
  workerFail,
  workerRelease,
  workerConversationHasQueued,
  workerAppendConversationMessages,
  workerControlState,
  workerPrepareSnapshotUpload,
  workerFinalizeSnapshotUpload,
  workerFailSnapshotUpload,
  workerLatestSnapshotForRestore,
  workerDrained,
} = factory;
