/** Turns whatever went wrong in a turn into what the backend is told about it: a sentence, and whether to try again. */
import { ConvexError } from "convex/values";
import { isAgentFactoryError, type AgentFactoryErrorKind } from "../../src/shared/errors.js";
import { BackendFailure, BackendUnavailable } from "./backend/errors.js";
import { ArchiveRejected } from "./snapshots/archive-rejected.js";
import { TreeChanged } from "./snapshots/tree-digest.js";
import { TreeTooLarge } from "./snapshots/tree-scan.js";
import { TransferFailed } from "./workspaces/transfer.js";

/** A failure of the turn itself, worded for the user whose message it was. */
export class TurnFailed extends Error {
  override readonly name = "TurnFailed";

  constructor(
    message: string,
    readonly retryable: boolean,
  ) {
    super(message);
  }
}

export type FailureReport = { errorMessage: string; retryable: boolean };

/** Trying the same message again changes nothing about these. */
const PERMANENT: readonly AgentFactoryErrorKind[] = [
  "agent_not_found",
  "agent_disabled",
  "forbidden",
  "invalid_argument",
  "output_too_large",
];

const DISK_FULL = new Set(["ENOSPC", "EDQUOT"]);

/** A sentence is enough for a transcript; the log has the rest. */
const MAX_MESSAGE_CHARACTERS = 500;

/** The lease is not this worker's any more: the turn's result is nobody's, and nobody is to be told. */
export function isLeaseLost(error: unknown): boolean {
  return isAgentFactoryError(error, "lease_lost") || isAgentFactoryError(error, "already_completed");
}

/** Never the text of an unexpected error: it may hold paths or data. */
export function describeFailure(error: unknown): FailureReport {
  const { message, retryable } = explain(error);
  return { errorMessage: message.slice(0, MAX_MESSAGE_CHARACTERS), retryable };
}

function explain(error: unknown): { message: string; retryable: boolean } {
  if (error instanceof TurnFailed) return error;
  if (isAgentFactoryError(error)) {
    return { message: error.data.message, retryable: !PERMANENT.includes(error.data.kind) };
  }
  if (error instanceof TreeTooLarge)
    return { message: `${error.message} Remove what is not needed.`, retryable: false };
  if (error instanceof TreeChanged) {
    return { message: "The workspace kept changing while it was being saved.", retryable: true };
  }
  if (error instanceof ArchiveRejected) {
    return { message: `The saved workspace cannot be restored. ${error.message}`, retryable: false };
  }
  if (error instanceof TransferFailed) {
    return { message: `The workspace could not be moved. ${error.message}`, retryable: true };
  }
  if (error instanceof BackendUnavailable || error instanceof BackendFailure || error instanceof ConvexError) {
    return { message: "The backend did not accept the turn.", retryable: true };
  }
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    if (DISK_FULL.has(error.code)) return { message: "The disk of the worker is full.", retryable: true };
    return { message: `The worker could not read or write its disk (${error.code}).`, retryable: true };
  }
  return { message: "Something unexpected went wrong in the worker; its log says what.", retryable: true };
}
