/** Turns whatever went wrong in a turn into what the backend is told about it: a sentence, and whether to try again. */
import { ConvexError } from "convex/values";
import { isAgentFactoryError, type AgentFactoryErrorKind } from "../../src/shared/errors.js";
import type { FailureKind } from "../../src/shared/failure.js";
import { BackendFailure, BackendUnavailable } from "./backend/errors.js";
import { diskProblem, systemCode } from "./disk-failure.js";
import { ArchiveRejected } from "./snapshots/archive-rejected.js";
import { TreeChanged } from "./snapshots/tree-changed.js";
import { TreeTooLarge } from "./snapshots/tree-scan.js";
import { TransferFailed } from "./workspaces/transfer.js";

/** A failure of the turn itself, worded for the user whose message it was. */
export class TurnFailed extends Error {
  override readonly name = "TurnFailed";

  /** @param retryAfterMs the least wait before another try, if somebody asked for one */
  constructor(
    message: string,
    readonly kind: FailureKind,
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

/** `retryable` is there only where it differs from what the kind says by itself. */
export type FailureReport = {
  errorMessage: string;
  errorKind: FailureKind;
  retryable?: boolean;
  retryAfterMs?: number;
};

type Explanation = { message: string; kind: FailureKind; retryable?: boolean; retryAfterMs?: number | undefined };

/** What an error of the backend means for the message; kinds that are not listed may pass. */
const BACKEND_KINDS: ReadonlyMap<AgentFactoryErrorKind, FailureKind> = new Map([
  ["agent_not_found", "agent_removed"],
  ["agent_disabled", "config_error"],
  ["secret_missing", "config_error"],
  ["secret_unreadable", "config_error"],
  ["encryption_key_missing", "config_error"],
  ["encryption_key_invalid", "config_error"],
  ["forbidden", "forbidden"],
  ["invalid_argument", "invalid_input"],
  ["output_too_large", "output_too_large"],
]);

/** A sentence is enough for a transcript; the log has the rest. */
const MAX_MESSAGE_CHARACTERS = 500;

/** The lease is not this worker's any more: the turn's result is nobody's, and nobody is to be told. */
export function isLeaseLost(error: unknown): boolean {
  return isAgentFactoryError(error, "lease_lost") || isAgentFactoryError(error, "already_completed");
}

/** Never the text of an unexpected error: it may hold paths or data. */
export function describeFailure(error: unknown): FailureReport {
  const { message, kind, retryable, retryAfterMs } = explain(error);
  return {
    errorMessage: message.slice(0, MAX_MESSAGE_CHARACTERS),
    errorKind: kind,
    ...(retryable !== undefined && { retryable }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

function explain(error: unknown): Explanation {
  if (error instanceof TurnFailed) return error;
  if (isAgentFactoryError(error)) {
    return { message: error.data.message, kind: BACKEND_KINDS.get(error.data.kind) ?? "unknown" };
  }
  if (error instanceof TreeTooLarge) {
    return { message: `${error.message} Remove what is not needed.`, kind: "output_too_large" };
  }
  if (error instanceof TreeChanged) {
    return { message: "The workspace kept changing while it was being saved.", kind: "unknown" };
  }
  if (error instanceof ArchiveRejected) {
    return { message: `The saved workspace cannot be restored. ${error.message}`, kind: "unknown", retryable: false };
  }
  if (error instanceof TransferFailed) {
    return { message: `The workspace could not be moved. ${error.message}`, kind: "unreachable" };
  }
  if (error instanceof BackendUnavailable || error instanceof BackendFailure || error instanceof ConvexError) {
    return { message: "The backend did not accept the turn.", kind: "unknown" };
  }
  const disk = diskProblem(error);
  if (disk !== null) return { message: disk, kind: "disk_full" };
  const code = systemCode(error);
  if (code !== null) return { message: `The worker could not read or write its disk (${code}).`, kind: "unknown" };
  return { message: "Something unexpected went wrong in the worker; its log says what.", kind: "unknown" };
}
