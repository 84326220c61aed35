/** The queue: messages, one lane per conversation, leases, and the liveness of those who hold them. */
import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vAttemptError } from "../../shared/failure.js";
import { vMessageStatus, vPayload, vUsage } from "../../shared/payload.js";

/**
 * `idle`: nothing queued. `ready`: its head may be claimed. `delayed`: its head is not due before `wakeAt` (scheduled
 * for later, or backing off). `leased`: its head is running. `throttled`: its head is due, and its user or agent has as
 * many conversations going as it may. `paused`: its agent is disabled, and nobody comes for it.
 */
export const vLaneState = v.union(
  v.literal("idle"),
  v.literal("ready"),
  v.literal("delayed"),
  v.literal("leased"),
  v.literal("throttled"),
  v.literal("paused"),
);

/** What overflow has dropped and no turn has been told yet. */
export const vDroppedSummary = v.object({
  /** The newest ones, a shortened line each. */
  bullets: v.array(v.string()),
  /** Older ones of which only the number is known. */
  more: v.number(),
});

export const queueTables = {
  /**
   * One row per accepted message. Written by enqueue, claim, and whatever ends or returns a lease; read by claim (the
   * head of a lane) and the views. Finished ones live as long as `retention.ts` says, dead letters longer.
   */
  messages: defineTable({
    conversationId: v.string(),
    agentKey: v.string(),
    poolKey: v.string(),
    /** Position in the conversation, by commit order: concurrent enqueues of one conversation serialize on its lane. */
    sequence: v.number(),
    status: vMessageStatus,
    priority: v.number(),
    scheduledFor: v.number(),
    /** Set (to `scheduledFor`) when it does not hold up its followers: it stands aside of the line until it is due. */
    asideUntil: v.optional(v.number()),
    /** Started attempts. A released turn that had not begun does not count. */
    attempts: v.number(),
    /** How often in a row it was released. */
    releases: v.optional(v.number()),
    maxAttempts: v.number(),
    payload: vPayload,
    /** Copied out of the payload for the de-duplication index. */
    provider: v.string(),
    externalMessageId: v.optional(v.string()),
    lastError: v.optional(v.string()),
    /** The newest failed attempts, oldest first, at most `MAX_ATTEMPT_ERRORS`. */
    errors: v.optional(v.array(vAttemptError)),
    /** What its turn is told about messages that were dropped before it. */
    summary: v.optional(vDroppedSummary),
    /** When the raw update goes; absent when there is none. */
    rawUpdateUntil: v.optional(v.number()),
    /** When its newest attempt was claimed. */
    startedAt: v.optional(v.number()),
    finishedAt: v.optional(v.number()),
    /** What ended it, so that a repeated `complete` gets the same answer and a different one is refused. */
    completion: v.optional(
      v.object({ workerId: v.string(), leaseId: v.string(), generation: v.number(), resultHash: v.string() }),
    ),
    /** What its answer cost, as the runtime reported it. */
    usage: v.optional(vUsage),
  })
    .index("by_conversation", ["conversationId", "sequence"])
    // Those in line have no `asideUntil` and come first, by sequence; then those that stand aside, by the time they are due.
    .index("by_lane_queue", ["conversationId", "status", "asideUntil", "sequence"])
    .index("by_status", ["status", "finishedAt"])
    .index("by_delivery", ["agentKey", "provider", "externalMessageId"])
    .index("by_raw_update", ["rawUpdateUntil"]),

  /**
   * One row per conversation that ever had a message: whom it belongs to, the only door to its messages, and at the same
   * time its place in the ready set (there is no second row to keep in step). Written by enqueue and by every transition;
   * two calls about different conversations never share one. Never deleted: its generation fences what is still out there.
   */
  lanes: defineTable({
    conversationId: v.string(),
    agentKey: v.string(),
    poolKey: v.string(),
    consumerUserId: v.optional(v.string()),
    state: vLaneState,
    /** Fencing counter: the newest lease's token. Never reused, because a lane is never deleted. */
    generation: v.number(),
    /** The newest message's sequence. */
    lastSequence: v.number(),
    /** Messages in status `queued`. */
    queuedCount: v.number(),
    /** Who may claim it while ready: `"any"`, or the one worker it is reserved for until `wakeAt`. */
    audience: v.string(),
    /** Fixed by the conversation; spreads the ready set, so that claims do not all read the same rows. */
    shard: v.number(),
    /** Order within the ready set, see `laneRank`. */
    rank: v.number(),
    /** Since when its head could run; only while ready or throttled. */
    readySince: v.optional(v.number()),
    /** The groups whose slots it holds, see `slots.ts`; only while ready, throttled or leased. */
    slots: v.optional(v.array(v.string())),
    /** The group it waits for while throttled. */
    waitsFor: v.optional(v.string()),
    /** What was dropped from it since its last turn began. */
    dropped: v.optional(vDroppedSummary),
    /** When a reservation ends or a delayed head is due; absent when nothing waits for the clock. */
    wakeAt: v.optional(v.number()),
    /** The worker whose disk holds the newest workspace. */
    warmWorkerId: v.optional(v.string()),
  })
    .index("by_conversation", ["conversationId"])
    .index("by_claimable", ["poolKey", "state", "audience", "shard", "rank"])
    .index("by_user", ["poolKey", "state", "consumerUserId", "audience", "rank"])
    .index("by_agent", ["poolKey", "state", "agentKey", "audience", "rank"])
    .index("by_wake", ["poolKey", "wakeAt"])
    .index("by_slot", ["poolKey", "waitsFor", "rank"])
    .index("by_pool_ready", ["poolKey", "state", "readySince"])
    .index("by_agent_ready", ["agentKey", "state", "readySince"]),

  /**
   * One row per group of conversations with a cap: `user:<id>` or `agent:<key>`. Written whenever a conversation of the
   * group becomes ready or stops running; gone when nobody of the group runs. Groups without a cap have none.
   */
  laneSlots: defineTable({
    poolKey: v.string(),
    group: v.string(),
    /** Lanes that hold one: ready, leased, or waiting for a slot of their other group. */
    held: v.number(),
  }).index("by_group", ["poolKey", "group"]),

  /**
   * One row per running turn. Written by claim; deleted by complete, fail, release, cancel and recovery. It is alive
   * only while its holder's heartbeat is (same epoch, not expired) and its own run deadline has not passed.
   */
  leases: defineTable({
    laneId: v.id("lanes"),
    conversationId: v.string(),
    poolKey: v.string(),
    messageId: v.id("messages"),
    workerId: v.string(),
    holderEpoch: v.number(),
    generation: v.number(),
    claimedAt: v.number(),
    /** Heartbeats cannot extend this one. */
    runDeadlineAt: v.number(),
    /** When the sweep looks at it: its run deadline, or later when its recovery has failed. */
    sweepAt: v.number(),
    /** Entries the turn has added to the transcript. */
    addedEntries: v.optional(v.number()),
  })
    .index("by_worker", ["workerId"])
    .index("by_message", ["messageId"])
    .index("by_sweep", ["poolKey", "sweepAt"]),

  /**
   * One small row per live worker: the heartbeat that all its leases share. Written by the heartbeat, and by recovery
   * when it lapsed; read by whatever must know whether a lease is alive. Deleted when its worker has stopped.
   */
  leaseHolders: defineTable({
    workerId: v.string(),
    poolKey: v.string(),
    /** Counts the lives of this holder: a heartbeat after a lapse starts a new one and revives no lease. */
    epoch: v.number(),
    state: v.union(v.literal("live"), v.literal("lapsed")),
    beatAt: v.number(),
    expiresAt: v.number(),
    leaseDurationMs: v.number(),
    /** Leases it may hold at once. */
    capacity: v.number(),
  })
    .index("by_worker", ["workerId"])
    .index("by_expiry", ["poolKey", "state", "expiresAt"]),

  /**
   * Counters kept instead of counting, in `COUNTER_SHARDS` rows per scope so that they are no hot spot. Written with
   * every transition; summed by `queueStats` and `agentQueueStats`. A scope is `pool:<poolKey>` or `agent:<agentKey>`.
   */
  queueCounters: defineTable({
    scope: v.string(),
    shard: v.number(),
    queued: v.number(),
    ready: v.number(),
    processing: v.number(),
    done: v.number(),
    deadLetter: v.number(),
    canceled: v.number(),
    dropped: v.number(),
    /** Start of the window in which `windowDone` were done; `previousDone` in the one before. */
    windowAt: v.number(),
    windowDone: v.number(),
    previousDone: v.number(),
  }).index("by_scope", ["scope", "shard"]),

  /**
   * One row per pool: the one reconcile that is scheduled. Written by enqueue only when none is due soon enough, and by
   * the reconcile itself; it makes a thousand messages cost one reconcile.
   */
  capacityRequests: defineTable({
    poolKey: v.string(),
    scheduledAt: v.optional(v.number()),
    scheduledId: v.optional(v.id("_scheduled_functions")),
    lastStartedAt: v.number(),
    /** The provider failed: no message brings the next try forward before this time. */
    heldUntil: v.optional(v.number()),
    /** Messages wait for a place in a full pool: a worker that becomes idle is asked to make way. */
    isFull: v.optional(v.boolean()),
    /** Workers sleep that a message could wake: whoever asks for a run also asks for a look at them before it. */
    hasSleepers: v.optional(v.boolean()),
    /** When the newest of these looks is, or was, to begin. */
    wakeAt: v.optional(v.number()),
  }).index("by_pool", ["poolKey"]),
};
