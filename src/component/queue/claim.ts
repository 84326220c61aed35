/** Gives a worker the next message it may run, under a lease with a generation no earlier lease of the conversation had. */
import { isWithinScope, type Scope } from "../../shared/scope.js";
import { internal } from "../_generated/api.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import { findAgent } from "../agents/profile.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { count } from "./counters.js";
import { buryMessage } from "./deadLetters.js";
import { advanceLane, findHead, findLane } from "./head.js";
import { ANY_WORKER, isDue, LANE_SHARDS, nextLaneState } from "./lane.js";
import { leasesOfWorker } from "./leases.js";
import { findHolder, isHolderLive, isLeaseAlive } from "./liveness.js";
import { pauseLane } from "./pause.js";
import { mergeSummaries } from "./summary.js";

export type Claimant = {
  workerId: string;
  poolKey: string;
  /** Whose messages it may run; `null` for a worker that has not been given to anybody yet. */
  scope: Scope | null;
  /** Leases it may hold at once. */
  capacity: number;
  runTimeoutMs: number;
};

export type ClaimedMessage = {
  lease: Doc<"leases">;
  message: Doc<"messages">;
  /** Whose conversation it is. */
  lane: Pick<Doc<"lanes">, "conversationId" | "agentKey" | "consumerUserId">;
  /** When the lease ends unless a heartbeat comes. */
  expiresAt: number;
};

/** Lanes looked at within one user or agent: more than are taken by others between look and claim. */
const SCOPED_CANDIDATES = 4;

/**
 * Claims the best candidate that is still free, or nothing.
 *
 * Candidates come from a snapshot without read dependencies, so that claims of different lanes never conflict; only the
 * lane that is taken is read again with one.
 */
export async function claimNext(
  ctx: MutationCtx,
  claimant: Claimant,
  options: { conversationId?: string; knownLeaseIds?: readonly string[] },
): Promise<ClaimedMessage | null> {
  const now = Date.now();
  const holder = await findHolder(ctx, claimant.workerId);
  // A lapsed worker must send a heartbeat first: a lease of a dead epoch would be lost the moment it was made.
  if (holder === null || !isHolderLive(holder, now)) return null;
  const held = await leasesOfWorker(ctx, claimant.workerId, claimant.capacity);
  const forgotten = await findForgotten(ctx, held, holder, options.knownLeaseIds);
  if (forgotten !== null) return forgotten;
  if (held.length >= claimant.capacity) return null;

  for await (const lane of candidateLanes(ctx, claimant, options.conversationId)) {
    if (!mayClaim(claimant, lane)) continue;
    const message = await findHead(ctx, lane.conversationId);
    if (message === null || !isDue(message, now)) {
      // No transition leaves a ready lane like this. Should one, the lane heals here instead of stopping its pool.
      const deltas = await advanceLane(ctx, lane, { head: message, queuedCount: lane.queuedCount });
      await count(ctx, lane, lane._id, deltas);
      continue;
    }
    const agent = await findAgent(ctx, message.agentKey);
    if (agent === null) {
      const failure = { kind: "agent_removed" as const, message: `Agent "${message.agentKey}" was removed.` };
      await buryMessage(ctx, lane, message, failure);
      continue;
    }
    if (!agent.enabled) {
      await pauseLane(ctx, lane);
      continue;
    }
    return await lease(ctx, claimant, holder, lane, message, now);
  }
  return null;
}

/** A live lease the worker holds and does not run, because the answer to its claim never arrived: it gets it again. */
async function findForgotten(
  ctx: MutationCtx,
  held: Doc<"leases">[],
  holder: Doc<"leaseHolders">,
  knownLeaseIds: readonly string[] | undefined,
): Promise<ClaimedMessage | null> {
  if (knownLeaseIds === undefined) return null;
  const now = Date.now();
  const lease = held.find(({ _id, ...rest }) => !knownLeaseIds.includes(_id) && isLeaseAlive(rest, holder, now));
  if (lease === undefined) return null;
  const message = await ctx.db.get("messages", lease.messageId);
  const lane = await ctx.db.get("lanes", lease.laneId);
  if (message === null || lane === null) return null;
  return { lease, message, lane, expiresAt: Math.min(holder.expiresAt, lease.runDeadlineAt) };
}

/**
 * The lanes worth a try, best first, each as it is now. A worker of one conversation reads its lane at once: the detour over
 * a snapshot would spare it no conflict, only cost time on the path of every warm turn.
 */
async function* candidateLanes(
  ctx: MutationCtx,
  { workerId, poolKey, scope }: Claimant,
  conversationId: string | undefined,
): AsyncGenerator<Doc<"lanes">> {
  const only = onlyConversation(scope, conversationId);
  if (only !== undefined) {
    const lane = await findLane(ctx, only);
    if (lane !== null) yield lane;
    return;
  }
  const request = { workerId, poolKey, scope };
  const laneIds: Id<"lanes">[] = await ctx.runQuery(internal.queue.internal.claimCandidates, request, {
    useStaleSnapshot: true,
  });
  for (const laneId of laneIds) {
    const lane = await ctx.db.get("lanes", laneId);
    if (lane !== null) yield lane;
  }
  // The snapshot may be older than the ticket that brought the worker here. Before it goes away empty, and waits for the
  // next ticket, it looks at what is certain.
  for (const lane of await findCandidates(ctx, request)) if (!laneIds.includes(lane._id)) yield lane;
}

function onlyConversation(scope: Scope | null, conversationId: string | undefined): string | undefined {
  return conversationId ?? (scope?.kind === "conversation" ? scope.key : undefined);
}

function mayClaim({ workerId, scope, poolKey }: Claimant, lane: Doc<"lanes">): boolean {
  if (lane.state !== "ready" || lane.poolKey !== poolKey) return false;
  if (!isOpenTo(lane, workerId)) return false;
  return scope === null || isWithinScope(scope, lane);
}

function isOpenTo(lane: Doc<"lanes">, workerId: string): boolean {
  return lane.audience === ANY_WORKER || lane.audience === workerId;
}

async function lease(
  ctx: MutationCtx,
  claimant: Claimant,
  holder: Doc<"leaseHolders">,
  lane: Doc<"lanes">,
  message: Doc<"messages">,
  now: number,
): Promise<ClaimedMessage> {
  const generation = lane.generation + 1;
  const row = {
    laneId: lane._id,
    conversationId: lane.conversationId,
    poolKey: lane.poolKey,
    messageId: message._id,
    workerId: claimant.workerId,
    holderEpoch: holder.epoch,
    generation,
    claimedAt: now,
    runDeadlineAt: now + claimant.runTimeoutMs,
    sweepAt: now + claimant.runTimeoutMs,
  };
  const leaseId = await ctx.db.insert("leases", row);
  await ctx.db.patch("lanes", lane._id, {
    state: nextLaneState(lane.state, "claimed"),
    generation,
    queuedCount: lane.queuedCount - 1,
    audience: ANY_WORKER,
    wakeAt: undefined,
    readySince: undefined,
    dropped: undefined,
    warmWorkerId: claimant.workerId,
  });
  const started = { status: "processing" as const, attempts: message.attempts + 1, startedAt: now };
  const summary = mergeSummaries(message.summary, lane.dropped);
  const running = { ...started, ...(summary === undefined ? {} : { summary }) };
  await ctx.db.patch("messages", message._id, running);
  await count(ctx, lane, leaseId, { queued: -1, ready: -1, processing: 1 });
  return {
    lease: { _id: leaseId, _creationTime: now, ...row },
    message: { ...message, ...running },
    lane,
    expiresAt: Math.min(holder.expiresAt, row.runDeadlineAt),
  };
}

type CandidateRequest = {
  workerId: string;
  poolKey: string;
  scope: Scope | null;
};

/** Lanes the claimant might take, best first; a handful, whatever the backlog. */
export async function findCandidates(ctx: QueryCtx, request: CandidateRequest): Promise<Doc<"lanes">[]> {
  const { scope, workerId } = request;
  const only = onlyConversation(scope, undefined);
  if (only !== undefined) {
    const lane = await findLane(ctx, only);
    return lane !== null && lane.state === "ready" && isOpenTo(lane, workerId) ? [lane] : [];
  }
  // What is reserved for this worker comes first; what is reserved for others is not shown, or it could hide what is free.
  const reserved = await candidatesFor(ctx, request, workerId);
  return reserved.length > 0 ? reserved : await candidatesFor(ctx, request, ANY_WORKER);
}

async function candidatesFor(
  ctx: QueryCtx,
  { scope, poolKey }: CandidateRequest,
  audience: string,
): Promise<Doc<"lanes">[]> {
  switch (scope?.kind) {
    case "user":
      return await ctx.db
        .query("lanes")
        .withIndex("by_user", (range) =>
          range.eq("poolKey", poolKey).eq("state", "ready").eq("consumerUserId", scope.key).eq("audience", audience),
        )
        .take(SCOPED_CANDIDATES);
    case "agent":
      return await ctx.db
        .query("lanes")
        .withIndex("by_agent", (range) =>
          range.eq("poolKey", poolKey).eq("state", "ready").eq("agentKey", scope.key).eq("audience", audience),
        )
        .take(SCOPED_CANDIDATES);
    default:
      return await shardHeads(ctx, poolKey, audience);
  }
}

async function shardHeads(ctx: QueryCtx, poolKey: string, audience: string): Promise<Doc<"lanes">[]> {
  const heads: Doc<"lanes">[] = [];
  for (let shard = 0; shard < LANE_SHARDS; shard++) {
    const head = await ctx.db
      .query("lanes")
      .withIndex("by_claimable", (range) =>
        range.eq("poolKey", poolKey).eq("state", "ready").eq("audience", audience).eq("shard", shard),
      )
      .first();
    if (head !== null) heads.push(head);
  }
  return heads.sort((left, right) => left.rank - right.rank);
}
