/** Why a turn failed, as a stable kind, and which kinds no further try can mend. */
import { v, type Infer } from "convex/values";

export const vFailureKind = v.union(
  v.literal("invalid_input"),
  v.literal("unauthorized"),
  v.literal("forbidden"),
  v.literal("budget_exceeded"),
  v.literal("config_error"),
  v.literal("context_overflow"),
  v.literal("output_too_large"),
  v.literal("agent_removed"),
  v.literal("rate_limited"),
  v.literal("overloaded"),
  v.literal("unreachable"),
  v.literal("timeout"),
  v.literal("hook_failed"),
  v.literal("disk_full"),
  v.literal("runtime_crashed"),
  v.literal("worker_lost"),
  v.literal("unknown"),
);
export type FailureKind = Infer<typeof vFailureKind>;

/**
 * What each kind means, and whether the same message may succeed when it is tried again as it is. Those that may not
 * are dead letters at once: repeating them costs money and delays what waits behind them.
 */
export const FAILURE_KINDS: Record<FailureKind, { retryable: boolean; meaning: string }> = {
  invalid_input: { retryable: false, meaning: "The message cannot be understood or is refused as it is." },
  unauthorized: { retryable: false, meaning: "The model provider does not accept the key." },
  forbidden: { retryable: false, meaning: "The key may not do what the agent asks for." },
  budget_exceeded: { retryable: false, meaning: "The budget is spent, or the provider's account is." },
  config_error: { retryable: false, meaning: "The agent or its runtime is configured wrongly." },
  context_overflow: { retryable: false, meaning: "The conversation no longer fits the model." },
  output_too_large: { retryable: false, meaning: "The answer is larger than a reply may be." },
  agent_removed: { retryable: false, meaning: "The agent no longer exists." },
  rate_limited: { retryable: true, meaning: "The model provider asks for a pause." },
  overloaded: { retryable: true, meaning: "The model provider is overloaded." },
  unreachable: { retryable: true, meaning: "The model provider did not answer, or broke off." },
  timeout: { retryable: true, meaning: "The turn took longer than it may." },
  hook_failed: { retryable: true, meaning: "A hook before or after the turn failed." },
  disk_full: { retryable: true, meaning: "The machine's disk is full or cannot be written." },
  runtime_crashed: { retryable: true, meaning: "The agent runtime ended in the middle of the turn." },
  worker_lost: { retryable: true, meaning: "The worker that ran the message was lost." },
  unknown: { retryable: true, meaning: "Something else." },
};

/** One failed attempt, as a message remembers it. */
export const vAttemptError = v.object({
  /** 1 for the first attempt. */
  attempt: v.number(),
  /** When it ended, ms. */
  at: v.number(),
  kind: vFailureKind,
  message: v.string(),
});
export type AttemptError = Infer<typeof vAttemptError>;

/** Attempts a message remembers; with fewer than a hundred tries the newest ten tell the story. */
export const MAX_ATTEMPT_ERRORS = 10;

/** The history with one more entry, oldest first, never longer than {@link MAX_ATTEMPT_ERRORS}. */
export function withAttemptError(errors: AttemptError[] | undefined, error: AttemptError): AttemptError[] {
  return [...(errors ?? []), error].slice(-MAX_ATTEMPT_ERRORS);
}
