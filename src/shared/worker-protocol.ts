/**
 * The worker protocol: names, arguments and results of every function a worker calls.
 *
 * The component registers functions with these validators, the app re-exports them, and the worker image calls them
 * through {@link workerFunctions}; a change here is a compile error in all three.
 */
import { makeFunctionReference, type FunctionReference } from "convex/server";
import { v, type Infer, type ObjectType, type PropertyValidators, type Validator } from "convex/values";
import { vBridgeRuntimeConfig } from "./bridge.js";
import { vHydratedProfile } from "./agent-profile.js";
import { vFailureKind } from "./failure.js";
import { vReleaseChannel, vSkillManifest, vSkillManifestPointer } from "./skills.js";
import { vPayload, vToolCall, vTranscriptEntry, vUsage } from "./payload.js";

/** Text of one streamed delta, in UTF-16 code units. A worker splits what is longer. */
export const MAX_DELTA_CHARACTERS = 16 * 1024;
/** A reply is one transcript row; with its metadata it stays far below a document's 1 MiB. */
export const MAX_REPLY_CHARACTERS = 128 * 1024;
/** Files one turn hands over: an album, not an archive; each as large as chat services send. */
export const MAX_REPLY_FILES = 10;
export const MAX_REPLY_FILE_BYTES = 20 * 1024 * 1024;
/** A snapshot is one stored file; Convex accepts an upload for 2 minutes, which bounds what a worker can send. */
export const MAX_SNAPSHOT_BYTES = 512 * 1024 * 1024;

const credentials = { workerId: v.string(), workerToken: v.string() };
const claimed = { ...credentials, messageId: v.string(), leaseId: v.string(), generation: v.number() };

export const vSnapshotReason = v.union(
  v.literal("checkpoint"),
  v.literal("drain"),
  v.literal("signal"),
  v.literal("manual"),
);

export const vSnapshotForRestore = v.object({
  snapshotId: v.string(),
  downloadUrl: v.string(),
  sha256: v.string(),
  sizeBytes: v.number(),
  createdAt: v.number(),
});
export type SnapshotForRestore = Infer<typeof vSnapshotForRestore>;

/** What a worker holds after a claim. Durations are relative, so that the worker's clock never matters. */
export const vClaim = v.object({
  messageId: v.string(),
  conversationId: v.string(),
  agentKey: v.string(),
  leaseId: v.string(),
  /** Fencing token: strictly greater than any earlier one of the same conversation. */
  generation: v.number(),
  /** Server time; for display. */
  leaseExpiresAt: v.number(),
  /** How long the turn may take; heartbeats cannot extend it. */
  runTimeoutMs: v.number(),
  /** 1 for the first try. */
  attempt: v.number(),
  payload: vPayload,
});
export type Claim = Infer<typeof vClaim>;

export const vHydrationBundle = v.object({
  messageId: v.string(),
  conversationId: v.string(),
  agentKey: v.string(),
  /** Attachments come with a `downloadUrl`. */
  payload: vPayload,
  profile: vHydratedProfile,
  /** The agent's variables with their values: secrets, for this turn only. Never on a disk or in a log. */
  environment: v.record(v.string(), v.string()),
  conversationState: v.object({
    /** The newest entries before this message that a model has room for, oldest first. */
    contextHistory: v.array(vTranscriptEntry),
    pendingToolCalls: v.array(vToolCall),
  }),
  /** How the agent calls functions of other apps, its service key included; `null` without a bridge. */
  bridgeRuntimeConfig: v.union(vBridgeRuntimeConfig, v.null()),
  /** What must lie in the folder of skills before the runtime starts; ask for it when it is not what lies there. */
  skills: vSkillManifestPointer,
  /** The workspace to restore, unless the worker's disk already holds exactly this snapshot; `null` = start empty. */
  snapshot: v.union(vSnapshotForRestore, v.null()),
});
export type HydrationBundle = Infer<typeof vHydrationBundle>;

/** What became of a message whose attempt failed. */
export const vFailureOutcome = v.object({
  requeued: v.boolean(),
  deadLettered: v.boolean(),
  /** When it is tried again at the earliest, ms. */
  nextScheduledFor: v.union(v.number(), v.null()),
});
export type FailureOutcome = Infer<typeof vFailureOutcome>;

export const vInbox = v.object({
  /** `drain`: finish or release, checkpoint, then call `workerDrained`. `stop`: exit now, nothing you hold is valid. */
  state: v.union(v.literal("run"), v.literal("drain"), v.literal("stop")),
  /** Changes whenever there is something new this worker might claim; `null` = nothing (or `wantsWork` was false). */
  work: v.union(v.string(), v.null()),
  /** Leases this worker holds. One that was listed and no longer is has been lost or canceled: abort its run. */
  leaseIds: v.array(v.string()),
});
export type Inbox = Infer<typeof vInbox>;

export const vEnrollment = v.object({
  poolKey: v.string(),
  /** Send a heartbeat this often; three missed ones lose every lease. */
  heartbeatIntervalMs: v.number(),
  /** How many conversations this worker may run at once. */
  conversationsPerWorker: v.number(),
  /** Rotate the token before this many ms have passed. */
  tokenLifetimeMs: v.number(),
});
export type Enrollment = Infer<typeof vEnrollment>;

type Definition = {
  type: "query" | "mutation";
  args: PropertyValidators;
  returns: Validator<unknown, "required", string>;
};
const query = <A extends PropertyValidators, R extends Validator<unknown, "required", string>>(args: A, returns: R) =>
  ({ type: "query", args, returns }) as const;
const mutation = <A extends PropertyValidators, R extends Validator<unknown, "required", string>>(
  args: A,
  returns: R,
) => ({ type: "mutation", args, returns }) as const;

/** Every worker function: kind, `args` and `returns` validators. Keys are the names `exposeApi` gives them. */
export const WORKER_PROTOCOL = {
  /**
   * Trades the one-time credential for a token of the worker's own making (43 characters of base64url, 256 random bits).
   * Idempotent for the same token; refused for another one.
   */
  workerEnroll: mutation({ ...credentials, enrollmentCredential: v.string() }, vEnrollment),
  workerRotateToken: mutation(
    { ...credentials, newWorkerToken: v.string() },
    v.object({ tokenLifetimeMs: v.number() }),
  ),
  /** The reactive query a worker subscribes to instead of polling. */
  workerInbox: query({ ...credentials, wantsWork: v.boolean() }, vInbox),
  /**
   * `knownLeaseIds`: the leases the worker runs. One it holds without knowing of it (the answer to an earlier claim was
   * lost) is handed out again as it is; without the argument no lease is.
   */
  workerClaim: mutation(
    { ...credentials, conversationId: v.optional(v.string()), knownLeaseIds: v.optional(v.array(v.string())) },
    v.union(vClaim, v.null()),
  ),
  /** `false`: the worker had been given up, and every lease it held before this call is lost. */
  workerHeartbeat: mutation({ ...credentials }, v.boolean()),
  workerHydrationBundle: query({ ...claimed }, vHydrationBundle),
  /**
   * The skills of a channel (default `stable`) as of one moment, with their files, except of the bundles whose SHA-256 is in
   * `knownBundles`. An answer holds a few MiB: when files of others are missing too, ask again with what has come.
   */
  workerGlobalSkillsManifest: query(
    { ...credentials, releaseChannel: v.optional(vReleaseChannel), knownBundles: v.optional(v.array(v.string())) },
    vSkillManifest,
  ),
  /**
   * Streams output. `offset` is the number of UTF-16 code units streamed before `text` in this attempt, which makes a
   * repeated call harmless; a gap is refused with `output_gap`. `tools` replaces calls of the same `callId`.
   */
  workerAppendTurnDelta: mutation(
    { ...claimed, offset: v.number(), text: v.string(), tools: v.optional(v.array(vToolCall)) },
    v.object({ length: v.number() }),
  ),
  /** The one fenced transaction that ends a turn: reply, transcript, usage, snapshot pointer, next message. */
  workerComplete: mutation(
    { ...claimed, reply: v.string(), usage: v.optional(vUsage), snapshotId: v.optional(v.string()) },
    v.boolean(),
  ),
  /**
   * Ends the attempt without a reply. `errorKind` (default `"unknown"`) decides whether there is another try, unless
   * `retryable` says so; `retryAfterMs` is the least wait before it, as the model provider asked for.
   */
  workerFail: mutation(
    {
      ...claimed,
      errorMessage: v.string(),
      errorKind: v.optional(vFailureKind),
      retryable: v.optional(v.boolean()),
      retryAfterMs: v.optional(v.number()),
    },
    vFailureOutcome,
  ),
  /**
   * Gives back a message whose turn has not begun; counts no attempt. Others may claim it at once, unless it comes back
   * again and again: then after a backoff.
   */
  workerRelease: mutation({ ...claimed }, v.boolean()),
  workerConversationHasQueued: query({ ...credentials, conversationId: v.string() }, v.boolean()),
  /** Extra transcript rows of the running turn (tool results, system notes). */
  workerAppendConversationMessages: mutation(
    { ...claimed, messages: v.array(v.object({ role: vTranscriptEntry.fields.role, content: v.string() })) },
    v.object({ updated: v.boolean(), messageCount: v.number() }),
  ),
  /** Where to send a file that the agent hands over; `workerAddReplyFile` makes it a part of the turn. */
  workerGenerateMediaUploadUrl: mutation({ ...claimed }, v.object({ uploadUrl: v.string() })),
  /**
   * Adds an uploaded file to the running turn; it is seen, and can be downloaded, once the turn has completed. `false`: it
   * had been added before. Size and SHA-256 (hex) are held against the stored file.
   */
  workerAddReplyFile: mutation(
    {
      ...claimed,
      storageId: v.string(),
      fileName: v.string(),
      mimeType: v.optional(v.string()),
      sizeBytes: v.number(),
      sha256: v.string(),
    },
    v.boolean(),
  ),
  workerControlState: query({ ...credentials }, v.object({ shouldStop: v.boolean() })),
  /**
   * `generation` is the one of the worker's newest lease on the conversation. With `checkpoint` that lease is alive; with
   * any other reason it has ended, and nobody else has gone on since.
   */
  workerPrepareSnapshotUpload: mutation(
    { ...credentials, conversationId: v.string(), generation: v.number(), reason: vSnapshotReason },
    v.object({ snapshotId: v.string(), uploadUrl: v.string(), expiresAt: v.number() }),
  ),
  /** Checks the stored file against size and SHA-256 (hex). A checkpoint becomes current in `workerComplete`, others here. */
  workerFinalizeSnapshotUpload: mutation(
    { ...credentials, snapshotId: v.string(), storageId: v.string(), sha256: v.string(), sizeBytes: v.number() },
    v.boolean(),
  ),
  workerFailSnapshotUpload: mutation({ ...credentials, snapshotId: v.string(), error: v.string() }, v.boolean()),
  workerLatestSnapshotForRestore: query({ ...claimed }, v.union(vSnapshotForRestore, v.null())),
  /** The last call of a drain: nothing is leased, everything is uploaded, the process is about to exit. */
  workerDrained: mutation({ ...credentials }, v.null()),
} satisfies Record<string, Definition>;

export type WorkerProtocol = typeof WORKER_PROTOCOL;
export type WorkerFunctionName = keyof WorkerProtocol;
export type WorkerArgs<Name extends WorkerFunctionName> = ObjectType<WorkerProtocol[Name]["args"]>;
export type WorkerResult<Name extends WorkerFunctionName> = Infer<WorkerProtocol[Name]["returns"]>;
export type WorkerFunctionReference<Name extends WorkerFunctionName> = FunctionReference<
  WorkerProtocol[Name]["type"],
  "public",
  WorkerArgs<Name>,
  WorkerResult<Name>
>;

/** Typed references to the worker functions an app exposes in the module `moduleName` (for `convex/agentFactory.ts`: `"agentFactory"`). */
export function workerFunction<Name extends WorkerFunctionName>(
  moduleName: string,
  name: Name,
): WorkerFunctionReference<Name> {
  return makeFunctionReference<WorkerProtocol[Name]["type"], WorkerArgs<Name>, WorkerResult<Name>>(
    `${moduleName}:${name}`,
  );
}
