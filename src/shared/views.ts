/** What pages see: validators of every view the component returns to users and operators (the single source of their types). */
import { v, type Infer } from "convex/values";
import { vAttemptError } from "./failure.js";
import { vMessageStatus, vPayload, vToolCall, vTranscriptEntry } from "./payload.js";

export const vNullableString = v.union(v.string(), v.null());
export const vNullableNumber = v.union(v.number(), v.null());

export const vBindingView = v.object({
  consumerUserId: v.string(),
  agentKey: v.string(),
  conversationId: v.string(),
  botIdentity: vNullableString,
  status: v.union(v.literal("active"), v.literal("revoked")),
  source: v.union(v.literal("manual"), v.literal("telegram_pairing"), v.literal("api")),
  telegramUserId: vNullableString,
  telegramChatId: vNullableString,
  metadata: v.union(v.record(v.string(), v.string()), v.null()),
  boundAt: v.number(),
  revokedAt: vNullableNumber,
});
export type BindingView = Infer<typeof vBindingView>;

export const vUserAgentView = v.object({
  consumerUserId: v.string(),
  agentKey: v.string(),
  displayName: vNullableString,
  telegramUsername: vNullableString,
  version: vNullableString,
  status: v.union(
    v.literal("draft"),
    v.literal("pairing"),
    v.literal("active"),
    v.literal("disabled"),
    v.literal("failed"),
  ),
  bindingStatus: v.union(v.literal("active"), v.literal("revoked"), v.null()),
  pairingStatus: v.union(v.literal("pending"), v.literal("used"), v.literal("expired"), v.null()),
  conversationId: vNullableString,
  canCreateNewAgent: v.boolean(),
  canDisable: v.boolean(),
  canChat: v.boolean(),
  canManagePushJobs: v.boolean(),
});
export type UserAgentView = Infer<typeof vUserAgentView>;

/** Why a message is not running yet, as a stable kind and a sentence; `null` when nothing is in its way. */
export const vWaitingReason = v.object({ kind: v.string(), message: v.string() });

/** What every view of a message shows. */
const messageFields = {
  _id: v.string(),
  _creationTime: v.number(),
  conversationId: v.string(),
  agentKey: v.string(),
  status: vMessageStatus,
  priority: v.number(),
  scheduledFor: v.number(),
  attempts: v.number(),
  maxAttempts: v.number(),
};

export const vQueueItemView = v.object({
  ...messageFields,
  lastError: vNullableString,
  payload: vPayload,
  /** Only for queued messages: what keeps the pool from running it. */
  waitingReason: v.union(vWaitingReason, v.null()),
});
export type QueueItemView = Infer<typeof vQueueItemView>;

/** A message as an operator's list shows it: without what it says. */
export const vJobView = v.object({
  ...messageFields,
  lastError: v.optional(v.string()),
  /** The newest failed attempts, oldest first. */
  errors: v.array(vAttemptError),
});

/** The turn that is running now, as far as it has been streamed. */
export const vLiveTurn = v.object({
  messageId: v.string(),
  /** 1 for the first try; a higher number means that an earlier worker was lost or failed. */
  attempt: v.number(),
  startedAt: v.number(),
  text: v.string(),
  toolCalls: v.array(vToolCall),
});
export type LiveTurn = Infer<typeof vLiveTurn>;

export const vConversationView = v.object({
  conversationId: v.string(),
  /** Newest entries, oldest first, bounded by `limit`. */
  contextHistory: v.array(vTranscriptEntry),
  pendingToolCalls: v.array(vToolCall),
  /** Queued and running messages, in order. */
  queueItems: v.array(vQueueItemView),
  hasQueuedJobs: v.boolean(),
  latestMessageId: vNullableString,
  lastUserMessageAt: vNullableNumber,
  lastAssistantMessageAt: vNullableNumber,
  liveTurn: v.union(vLiveTurn, v.null()),
});
export type ConversationView = Infer<typeof vConversationView>;

export const vSnapshotView = v.object({
  snapshotId: v.string(),
  createdAt: v.number(),
  sizeBytes: vNullableNumber,
  sha256: vNullableString,
  downloadUrl: vNullableString,
  status: v.union(v.literal("uploading"), v.literal("ready"), v.literal("failed"), v.literal("expired")),
  conversationId: v.string(),
});
export type SnapshotView = Infer<typeof vSnapshotView>;

export const vWorkerStatus = v.union(
  v.literal("starting"),
  v.literal("active"),
  v.literal("suspended"),
  v.literal("draining"),
  v.literal("stopping"),
  v.literal("stopped"),
);
export type WorkerStatus = Infer<typeof vWorkerStatus>;

export const vWorkerView = v.object({
  workerId: v.string(),
  status: vWorkerStatus,
  /** Conversations it runs right now. */
  load: v.number(),
  heartbeatAt: v.number(),
  machineId: vNullableString,
  appName: vNullableString,
  machineName: vNullableString,
  region: vNullableString,
  generation: v.number(),
  /** Whose work this machine may do, `null` until its first claim. */
  isolationKey: vNullableString,
  /** Since when it is in this status, and the planner's or lifecycle's sentence for it. */
  statusSince: v.number(),
  statusReason: v.string(),
  createdAt: v.number(),
});
export type WorkerView = Infer<typeof vWorkerView>;

/**
 * Something that happened to a worker or its machine, and why. `kind` is what was decided or came to pass: `spawned`, `adopted`,
 * `enrolled`, `suspended`, `resume_requested`, `resumed`, `drain_requested`, `drained`, `lost`, `destroy_requested`, `gone`,
 * `orphan_destroyed`; `problem` and `recovered` are about the pool as a whole.
 */
export const vFleetEventView = v.object({
  at: v.number(),
  kind: v.string(),
  workerId: vNullableString,
  machineId: vNullableString,
  /** The worker's status before and after, where it changed. */
  from: v.union(vWorkerStatus, v.null()),
  to: v.union(vWorkerStatus, v.null()),
  reason: v.string(),
});
export type FleetEventView = Infer<typeof vFleetEventView>;

export const vQueueStats = v.object({
  /** Conversations whose next message may run now. */
  queuedReady: v.number(),
  queued: v.number(),
  processing: v.number(),
  deadLetter: v.number(),
  /** These count from the first day on, whatever retention has removed since. */
  done: v.number(),
  canceled: v.number(),
  dropped: v.number(),
  /** Since when the longest waiting ready conversation could run, ms; `null` when none is ready. */
  oldestReadyAt: vNullableNumber,
  /** The same as an age at the time of the call; a subscription sees it change only with the queue. */
  oldestReadyAgeMs: vNullableNumber,
  /** Messages done per minute, averaged over the last five. */
  donePerMinute: v.number(),
});
export type QueueStats = Infer<typeof vQueueStats>;

/**
 * `idle`: nothing is overdue. `working`: something is, and is being dealt with. `wedged`: something has been for minutes;
 * the log says why, and `recoverQueue` starts the loop anew.
 */
export const vSweepState = v.union(v.literal("idle"), v.literal("working"), v.literal("wedged"));

export const vQueueHealth = v.object({
  /** Of the loop that takes back what dead workers hold and wakes what was put off. */
  sweep: vSweepState,
  /** Since when the oldest thing it should have dealt with waits, ms. */
  overdueSince: vNullableNumber,
});

/** Of the circuit breaker between the pool and its provider: asked as always; left alone; one run asks for all. */
export const vBreakerState = v.union(v.literal("closed"), v.literal("open"), v.literal("half_open"));

export const vPoolHealth = v.object({
  poolKey: v.string(),
  /** What the last reconcile could not do, if anything, with what to do about it. */
  problem: v.union(v.object({ kind: v.string(), message: v.string(), at: v.number() }), v.null()),
  reconcile: v.union(v.literal("idle"), v.literal("scheduled"), v.literal("running")),
  lastReconciledAt: vNullableNumber,
  /** Whether the provider is asked at all: after three runs in a row that it has failed, or one refused token, it is left alone. */
  breaker: v.object({
    state: vBreakerState,
    /** Runs in a row that the provider has failed. */
    failures: v.number(),
    /** When it is asked again, by one run; `null` unless the breaker is open. */
    nextTryAt: vNullableNumber,
  }),
});
export type PoolHealth = Infer<typeof vPoolHealth>;
