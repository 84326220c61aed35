/** Says in one sentence what went wrong: the component's own words where there are any. */
import { isAgentFactoryError } from "convex-agent-factory";
import { ConvexError } from "convex/values";

export function describeError(error: unknown): string {
  if (isAgentFactoryError(error)) return error.data.message;
  if (error instanceof ConvexError) return describeConvexData(error.data);
  // A deployment in production hides what an unexpected error says; its id leads to the log entry.
  const requestId = error instanceof Error ? /\[Request ID: ([^\]]+)\]/.exec(error.message)?.[1] : undefined;
  return requestId === undefined
    ? "Something unexpected went wrong. Try again in a moment."
    : `Something unexpected went wrong on the server (request ${requestId}). Try again in a moment.`;
}

/** The app's own errors have the same shape: a kind for programs, a message for people. */
function describeConvexData(data: unknown): string {
  if (typeof data === "string") return data;
  if (typeof data === "object" && data !== null && "message" in data && typeof data.message === "string") {
    return data.message;
  }
  return "The server refused this.";
}
