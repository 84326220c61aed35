/** Calls from outside: which are running, which were answered already, and no more once the engine closes. */
import { setTimeout } from "node:timers/promises";
import { callFunction, type CallSurroundings } from "./call-function.js";
import type { RequestAnswers } from "./request-answers.js";
import type { CallResult, FunctionCall } from "./types.js";

/** An action may run for minutes; whoever closes the engine does not want to wait that long. */
const CLOSE_TIMEOUT_MS = 5_000;

export class Calls {
  private readonly running = new Set<Promise<unknown>>();
  private readonly runningByKey = new Map<string, Promise<CallResult>>();
  private isClosed = false;

  constructor(
    private readonly surroundings: CallSurroundings,
    private readonly answers: RequestAnswers,
    private readonly inCleanContext: <T>(run: () => T) => T,
  ) {}

  /** A request that was answered before gets that answer; one that is still running is joined. */
  async call(call: FunctionCall): Promise<CallResult> {
    const key = call.requestKey;
    if (key === undefined) return await this.track(() => callFunction(this.surroundings, call));
    const answer = this.answers.get(key);
    if (answer !== undefined) return { ...answer, success: true, kind: "mutation", readSet: null, journal: null };
    const existing = this.runningByKey.get(key);
    if (existing !== undefined) return await existing;
    const running = this.track(() => callFunction(this.surroundings, call));
    this.runningByKey.set(key, running);
    try {
      return await running;
    } finally {
      this.runningByKey.delete(key);
    }
  }

  /** Runs work that {@link close} waits for, outside of whatever the caller is in. */
  async track<T>(work: () => Promise<T>): Promise<T> {
    if (this.isClosed) throw new Error("The backend is closed.");
    const promise = this.inCleanContext(work);
    this.running.add(promise);
    try {
      return await promise;
    } finally {
      this.running.delete(promise);
    }
  }

  /**
   * Lets what is running come to its end, for a bounded time; what takes longer is cut off as by a crash.
   *
   * @param others further work to wait for.
   */
  async close(others: () => readonly Promise<unknown>[]): Promise<void> {
    this.isClosed = true;
    const abort = new AbortController();
    const deadline = setTimeout(CLOSE_TIMEOUT_MS, null, { signal: abort.signal }).catch(() => null);
    await Promise.race([Promise.allSettled([...this.running, ...others()]), deadline]);
    abort.abort();
  }
}
