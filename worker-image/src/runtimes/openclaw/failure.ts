/** What a run that OpenClaw could not finish means for the message. Pure. */
import { FAILURE_KINDS, type FailureKind } from "../../../../src/shared/failure.js";
import type { ModelFailed } from "../chat/model-failure.js";
import type { RuntimeFailure } from "../runtime.js";

/** OpenClaw's own reasons; those that are not listed say nothing that would help. */
const REASONS: ReadonlyMap<string, FailureKind> = new Map([
  ["auth", "unauthorized"],
  ["auth_permanent", "unauthorized"],
  ["format", "invalid_input"],
  ["rate_limit", "rate_limited"],
  ["overloaded", "overloaded"],
  ["billing", "budget_exceeded"],
  ["server_error", "unreachable"],
  ["timeout", "unreachable"],
  ["tls_certificate", "unreachable"],
  ["context_overflow", "context_overflow"],
  ["model_not_found", "config_error"],
]);

export const ABORTED: RuntimeFailure = { kind: "aborted", message: "The turn was stopped." };
export const CRASHED: RuntimeFailure = {
  kind: "runtime_crashed",
  message: "OpenClaw ended in the middle of the turn; it is started anew for the next try.",
};

/** As the chat runtime's limit of steps: the same message would most likely do it again, and costs every time. */
export const LOOPED: RuntimeFailure = {
  kind: "budget_exceeded",
  message: "The agent repeated the same tool call without getting anywhere, and OpenClaw stopped it.",
};

/**
 * @param reason OpenClaw's own word for it
 * @param refused what the model's provider last answered, if that was no answer: it knows best
 */
export function runFailure(reason: string | null, refused: ModelFailed | null): RuntimeFailure {
  if (refused !== null) {
    const { kind, message, retryAfterMs } = refused;
    return { kind, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }
  const kind = REASONS.get(reason ?? "");
  // Never OpenClaw's text: it may quote what a provider says about a key.
  if (kind === undefined)
    return { kind: "unknown", message: "OpenClaw could not finish the turn; the worker's log says more." };
  return { kind, message: FAILURE_KINDS[kind].meaning };
}
