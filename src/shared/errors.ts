/** The typed errors every audience can handle, and the guard that recognizes them on the other side of a call. */
import { ConvexError } from "convex/values";

const ERROR_KINDS = [
  "unauthorized",
  "forbidden",
  "invalid_argument",
  "not_found",
  "agent_not_found",
  "agent_disabled",
  "binding_not_found",
  "conversation_mismatch",
  "message_not_found",
  "queue_full",
  "upload_rejected",
  "too_many_uploads",
  "encryption_key_missing",
  "encryption_key_invalid",
  "secret_missing",
  "secret_unreadable",
  "provider_config_missing",
  "provider_unauthorized",
  "provider_unreachable",
  "provider_rejected",
  "provider_no_capacity",
  "worker_boot_failed",
  "machine_stuck",
  "volume_stuck",
  "volume_unsaved",
  "worker_rejected",
  "enrollment_rejected",
  "lease_lost",
  "already_completed",
  "snapshot_rejected",
  "output_gap",
  "output_too_large",
] as const;

/**
 * What went wrong, as a stable name a program can branch on.
 *
 * The message that comes with a kind is for people: it says what happened and what to do about it.
 */
export type AgentFactoryErrorKind = (typeof ERROR_KINDS)[number];

/** The data of a {@link ConvexError} thrown by this package. */
export type AgentFactoryErrorData = {
  kind: AgentFactoryErrorKind;
  message: string;
  /** The argument at fault, when there is one. */
  argument?: string;
};

/** Builds the error; callers `throw` what it returns, so that the compiler sees the end of the branch. */
export function agentFactoryError(
  kind: AgentFactoryErrorKind,
  message: string,
  details?: { argument?: string },
): ConvexError<AgentFactoryErrorData> {
  return new ConvexError({ kind, message, ...details });
}

/**
 * True when `error` was thrown by this package, and, with `kind`, when it is of that kind.
 *
 * Works on both sides of a function call: the data of a `ConvexError` survives the way to a client.
 */
export function isAgentFactoryError(
  error: unknown,
  kind?: AgentFactoryErrorKind,
): error is ConvexError<AgentFactoryErrorData> {
  if (!(error instanceof ConvexError)) return false;
  const data: unknown = error.data;
  if (typeof data !== "object" || data === null || !("kind" in data) || !("message" in data)) return false;
  return kind === undefined ? ERROR_KINDS.some((known) => known === data.kind) : data.kind === kind;
}
