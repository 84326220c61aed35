/** What the queue must be like, as plain data: conversations, their messages, turns that run, and who runs them. */
import type { Isolation, Scope } from "../../../src/shared/scope.js";

export type Overflow = "reject" | "drop_old" | "drop_new" | "summarize";

export type Policy = {
  maxAttempts: number;
  baseMs: number;
  factor: number;
  capMs: number;
  jitter: number;
  maxConcurrent: number | null;
  maxConcurrentPerUser: number | null;
  maxQueued: number;
  overflow: Overflow;
};

/** The documented defaults, written down a second time on purpose. */
export const DEFAULT_POLICY: Policy = {
  maxAttempts: 5,
  baseMs: 1_000,
  factor: 2,
  capMs: 120_000,
  jitter: 0.1,
  maxConcurrent: null,
  maxConcurrentPerUser: null,
  maxQueued: 200,
  overflow: "reject",
};

export type Status = "queued" | "processing" | "done" | "dead_letter" | "canceled" | "dropped";

export type Message = {
  id: string;
  conversation: Conversation;
  sequence: number;
  status: Status;
  priority: number;
  dueAt: number;
  /** False for one that stands aside until it is due, and again while it waits for its next try. */
  blocks: boolean;
  attempts: number;
  maxAttempts: number;
  /** Releases in a row. */
  releases: number;
  /** Failed attempts, since it was accepted. */
  failures: number;
  /** Dropped messages that its turn is told of, as far as it has not ended. */
  told: number;
  completion: { leaseId: string; generation: number; reply: string } | null;
};

/**
 * `due`: its head may run, and was noticed to. `later`: its head waits for the clock, or for somebody to notice the
 * clock. `paused`: taken out because its agent is disabled.
 */
export type Phase = "idle" | "later" | "due" | "leased" | "paused";

export type Conversation = {
  id: string;
  agent: Agent;
  user: string | null;
  phase: Phase;
  generation: number;
  lastSequence: number;
  messages: Message[];
  lease: Lease | null;
  /** Dropped messages that no turn has been told of. */
  untold: number;
};

export type Lease = {
  id: string;
  message: Message;
  worker: Worker;
  generation: number;
  /** The life of the worker in which it was claimed. */
  life: number;
  claimedAt: number;
  runDeadlineAt: number;
  streamed: number;
};

/** `exists`: its row is there; an operator may delete it by hand. */
export type Agent = { key: string; exists: boolean; enabled: boolean; policy: Policy };

export const isOpen = ({ exists, enabled }: Agent): boolean => exists && enabled;

export type Worker = {
  id: string;
  token: string;
  status: "active" | "draining" | "gone";
  isolation: Isolation;
  scope: Scope | null;
  capacity: number;
  leaseMs: number;
  runMs: number;
  life: number;
  /** False once a sweep has noticed that its heartbeat stopped. */
  isCounted: boolean;
  expiresAt: number;
  tokenExpiresAt: number;
  /** Its process is frozen: it does nothing until it is resumed, and then believes that it still holds everything. */
  isPaused: boolean;
  /** Its process is gone for good. */
  isKilled: boolean;
};

export type Reference = {
  agents: Agent[];
  conversations: Conversation[];
  workers: Worker[];
  messages: Map<string, Message>;
  /** Accepted deliveries, by agent, provider and the provider's id. */
  deliveries: Map<string, Message>;
  /** Turns a worker was ever told of, which it may act upon at any time. */
  tokens: Lease[];
};

export function emptyReference(): Reference {
  return { agents: [], conversations: [], workers: [], messages: new Map(), deliveries: new Map(), tokens: [] };
}

export const queuedOf = (conversation: Conversation): Message[] =>
  conversation.messages.filter(({ status }) => status === "queued");
export const leasesOf = (reference: Reference, worker: Worker): Lease[] =>
  reference.conversations.flatMap(({ lease }) => (lease?.worker === worker ? [lease] : []));

export const isAlive = (worker: Worker, now: number): boolean => worker.isCounted && now < worker.expiresAt;

/** Whether the turn may still be acted upon: it is the conversation's turn, in the same life of its worker, in time. */
export function isHeld(lease: Lease, now: number): boolean {
  const { worker, message } = lease;
  return (
    message.conversation.lease === lease &&
    isAlive(worker, now) &&
    worker.life === lease.life &&
    now < lease.runDeadlineAt
  );
}

export const isRejected = (worker: Worker, now: number): boolean =>
  worker.status === "gone" || now >= worker.tokenExpiresAt;
