/** What the engine notes about one call from outside while it runs: a client's request, a job, a cron. */
import type { AsyncLocalStorage } from "node:async_hooks";
import type { Value } from "convex/values";
import { formatLogLine, type LogLevel } from "./function-console.js";
import type { ReadRecorder } from "./read-sets.js";

/** As many lines as Convex keeps of one function; the rest is dropped with a note. */
const MAX_LOG_LINES = 256;

export interface Invocation {
  /** How the log names it, as `M(messages:send)`. */
  readonly title: string;
  readonly logLines: string[];
  /** Notes what a subscription depends on; `null` for calls that nobody subscribes to. */
  readonly reads: ReadRecorder | null;
  /** Where the previous run of the query ended its page, and where this one did. */
  readonly previousJournal: string | null;
  journal: string | null;
  /** The client's name for a mutation, under which its answer is stored in the same commit. */
  readonly requestKey: string | null;
  /** What the outermost function returned, known shortly before its transaction commits. */
  answer: Value | undefined;
  /** The snapshot that was read, then the commit that was made. */
  ts: bigint;
}

export type InvocationStorage = AsyncLocalStorage<Invocation>;

export function createInvocation(title: string, options: Partial<Invocation> = {}): Invocation {
  return {
    title,
    logLines: [],
    reads: null,
    previousJournal: null,
    journal: null,
    requestKey: null,
    answer: undefined,
    ts: 0n,
    ...options,
  };
}

/** Adds a line to what the caller gets back, and hands it to the engine's log. */
export function recordLog(
  invocation: Invocation,
  level: LogLevel,
  values: unknown[],
  log: (line: string) => void,
): void {
  if (invocation.logLines.length > MAX_LOG_LINES) return;
  const line =
    invocation.logLines.length === MAX_LOG_LINES
      ? `[WARN] Log overflow (maximum ${MAX_LOG_LINES} lines). Remaining log lines omitted.`
      : formatLogLine(level, values);
  invocation.logLines.push(line);
  log(`[CONVEX ${invocation.title}] ${line}`);
}
