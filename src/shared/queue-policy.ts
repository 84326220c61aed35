/** How an agent's messages are queued and retried, as part of its profile: validators, defaults and limits. */
import { v, type Infer } from "convex/values";
import { DEFAULT_BACKOFF, type BackoffPolicy } from "./backoff.js";

/** What happens to one message more than a conversation may have queued. */
export const vOverflow = v.union(
  /** The new one is refused with `queue_full`. */
  v.literal("reject"),
  /** The new one is stored as `dropped` and never runs. */
  v.literal("drop_new"),
  /** The oldest one is dropped, and stays on record as `dropped`. */
  v.literal("drop_old"),
  /** As `drop_old`, and the next turn is told in a list what was dropped. */
  v.literal("summarize"),
);
export type Overflow = Infer<typeof vOverflow>;

export const vQueuePolicy = v.object({
  /** Started attempts before a message is a dead letter, 1–100. Default 5. */
  maxAttempts: v.optional(v.number()),
  /** Wait after a failed attempt. Default 1 s, doubled each time up to 2 minutes, 10 % apart. */
  backoff: v.optional(v.object({ baseMs: v.number(), factor: v.number(), capMs: v.number(), jitter: v.number() })),
  /** Conversations of this agent that may be ready or running at once. Default: as many as the pool serves. */
  maxConcurrent: v.optional(v.number()),
  /** Conversations of one user, with whichever agents, before one with this agent has to wait. Default: no limit. */
  maxConcurrentPerUser: v.optional(v.number()),
  /** Messages that may wait in one conversation, 1–10,000. Default 200. */
  maxQueuedPerConversation: v.optional(v.number()),
  /** Default `"reject"`. */
  overflow: v.optional(vOverflow),
});
export type QueuePolicy = Infer<typeof vQueuePolicy>;

export const DEFAULT_MAX_ATTEMPTS = 5;
export const MAX_MAX_ATTEMPTS = 100;
/** More than a person writes while waiting; a flood beyond it costs money without being read. */
export const DEFAULT_MAX_QUEUED = 200;

/** The policy with its defaults filled in; caps stay absent where there are none. */
export type ResolvedQueuePolicy = {
  maxAttempts: number;
  backoff: BackoffPolicy;
  maxConcurrent?: number;
  maxConcurrentPerUser?: number;
  maxQueuedPerConversation: number;
  overflow: Overflow;
};

export function resolveQueuePolicy(policy: QueuePolicy = {}): ResolvedQueuePolicy {
  return {
    ...policy,
    maxAttempts: policy.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    backoff: policy.backoff ?? DEFAULT_BACKOFF,
    maxQueuedPerConversation: policy.maxQueuedPerConversation ?? DEFAULT_MAX_QUEUED,
    overflow: policy.overflow ?? "reject",
  };
}
