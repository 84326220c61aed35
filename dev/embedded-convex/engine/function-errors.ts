/** Turns what a function threw into what Convex's clients receive: a message with a trace, and a ConvexError's data. */
import { convexToJson, type JSONValue, type Value } from "convex/values";

/** A client needs the place where it happened, not the whole machinery below. */
const MAX_TRACE_LINES = 16;

export interface FunctionFailure {
  errorMessage: string;
  errorData?: JSONValue;
}

/**
 * @param error anything thrown.
 * @param sourceRoot folder that traces are shown relative to, as `../convex/messages.ts:12:5`.
 */
export function describeFailure(error: unknown, sourceRoot: string): FunctionFailure {
  const trace = error instanceof Error ? traceOf(error, sourceRoot) : "";
  if (isConvexError(error)) {
    const errorData = toJson(error.data);
    const message = typeof errorData === "string" ? errorData : JSON.stringify(errorData);
    return { errorMessage: `Uncaught ConvexError: ${message}${trace}`, errorData };
  }
  if (error instanceof Error) {
    return { errorMessage: `Uncaught ${error.name === "" ? "Error" : error.name}: ${error.message}${trace}` };
  }
  return { errorMessage: `Uncaught ${typeof error === "string" ? error : JSON.stringify(error)}` };
}

/** By the symbol, not by class: every bundle has a ConvexError class of its own. */
function isConvexError(error: unknown): error is { data: unknown } {
  return typeof error === "object" && error !== null && Symbol.for("ConvexError") in error && "data" in error;
}

function toJson(data: unknown): JSONValue {
  try {
    // Data that came through a nested call is a Convex value; anything else fails to convert and is shown as text.
    return convexToJson((data ?? null) as Value);
  } catch {
    return String(data);
  }
}

function traceOf(error: Error, sourceRoot: string): string {
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const end = frames.findIndex(isCallOfTheEngine);
  const own = frames.slice(0, end < 0 ? undefined : end).filter((frame) => !isMachinery(frame));
  const shown = own.slice(0, MAX_TRACE_LINES).map((frame) => shorten(frame, sourceRoot));
  return shown.length === 0 ? "" : `\n${shown.join("\n")}`;
}

/** Here the function was called; below are the engine and whoever called it. */
function isCallOfTheEngine(frame: string): boolean {
  return /\/embedded-convex\/engine\/(?:run-handler|call-function|calls|run-job|crons|http-actions)\.ts/.test(frame);
}

/** Frames of Node, of Convex's own library, and of this engine, say nothing to the author of a function. */
function isMachinery(frame: string): boolean {
  return /[ (]node:|\/node_modules\/(?:convex|convex-test|vitest|@vitest)\/|\/embedded-convex\/engine\/[\w-]+\.ts/.test(
    frame,
  );
}

function shorten(line: string, sourceRoot: string): string {
  const root = sourceRoot.endsWith("/") ? sourceRoot : `${sourceRoot}/`;
  return `    ${line.trim()}`.replace(/file:\/\/(?=\/)/, "").replace(root, "../");
}
