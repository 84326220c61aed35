/** What runs in the app: `exposeApi`, `registerRoutes`, the error guard, and the types pages need. */
export type { AuthCtx, Authenticate, Caller, Operation } from "./auth.js";
export { DEFAULT_AGENT } from "./admin.js";
export {
  bridgeFunctionKeyFromToolName,
  executeBridgeFunction,
  isBridgeToolName,
  maybeExecuteBridgeToolCall,
  resolveBridgeRuntimeConfig,
  type BridgeCall,
  type BridgeExecutionResult,
  type BridgeResolution,
  type HydratedBridgeRuntimeConfig,
  type ResolvedBridgeRuntimeConfig,
} from "./bridge.js";
export { exposeApi, type ExposeOptions } from "./expose.js";
export { prepareSkillFiles } from "./skill-files.js";
export { DEFAULT_PATH_PREFIX, registerRoutes, type RouteOptions } from "./routes.js";
export { bridgeSecretRefs, type BridgeConfig, type BridgeSetting } from "../shared/bridge.js";
export { isAgentFactoryError, type AgentFactoryErrorData, type AgentFactoryErrorKind } from "../shared/errors.js";
export { isTakenAs, kindOfMedia, MAX_ATTACHMENT_BYTES, MAX_MESSAGE_ATTACHMENT_BYTES } from "../shared/attachments.js";
export {
  MAX_ATTACHMENTS,
  MAX_MESSAGE_TEXT_BYTES,
  type Attachment,
  type HandedFile,
  type MessageStatus,
  type Payload,
  type SentFile,
  type ToolCall,
  type TranscriptEntry,
  type UploadedFile,
} from "../shared/payload.js";
export type { OpenedUpload } from "../shared/reports.js";
export { DEFAULT_SCALING_POLICY, type ProviderConfig, type ScalingPolicy } from "../shared/provider-config.js";
export type { ReleaseChannel, SkillFile, SkillView } from "../shared/skills.js";
export type {
  BindingView,
  ConversationView,
  LiveTurn,
  PoolHealth,
  QueueItemView,
  QueueStats,
  SnapshotView,
  UserAgentView,
  WorkerStatus,
  WorkerView,
} from "../shared/views.js";
export type { ComponentApi } from "../component/_generated/component.js";
