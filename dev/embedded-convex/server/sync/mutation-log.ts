/**
 * Which mutations of which session have run, so that one that a client sends again after a reconnect is answered
 * with its first outcome, or joins the run that is still going on. It alone decides whether a mutation runs.
 */
import type { CallResult } from "../../engine/types.js";

/** More sessions than one machine's pages and workers open in the time that entries are kept. */
const MAX_SESSIONS = 1_000;
/** A client has at most 1,000 mutations waiting, so these are all that it can still send again. */
const MAX_PER_SESSION = 1_000;
/** Bounds what large results can hold in memory. */
const MAX_REMEMBERED_BYTES = 64 * 1024 * 1024;

interface Entry {
  outcome: Promise<CallResult>;
  /** Bytes of the result; 0 while it runs. */
  size: number;
}

export class MutationLog {
  /** In order of last use, oldest first, as are the entries within. */
  readonly #sessions = new Map<string, Map<number, Entry>>();
  #rememberedBytes = 0;

  /** Runs `execute` unless this request of this session was seen before; either way resolves to its one outcome. */
  async runOnce(sessionId: string, requestId: number, execute: () => Promise<CallResult>): Promise<CallResult> {
    const session = this.#touch(sessionId);
    const known = session.get(requestId);
    if (known !== undefined) return await known.outcome;
    const entry: Entry = { outcome: execute(), size: 0 };
    session.set(requestId, entry);
    const outcome = await entry.outcome;
    // The session may have been forgotten meanwhile: only what is still held counts.
    if (this.#sessions.get(sessionId)?.get(requestId) === entry) {
      entry.size = JSON.stringify(outcome.success ? outcome.value : outcome.errorMessage).length;
      this.#rememberedBytes += entry.size;
      this.#forgetExcess(session);
    }
    return outcome;
  }

  #touch(sessionId: string): Map<number, Entry> {
    const session = this.#sessions.get(sessionId) ?? new Map<number, Entry>();
    this.#sessions.delete(sessionId);
    this.#sessions.set(sessionId, session);
    if (this.#sessions.size > MAX_SESSIONS) this.#forgetOldestSession();
    return session;
  }

  #forgetExcess(session: Map<number, Entry>): void {
    for (const [requestId, entry] of session) {
      if (session.size <= MAX_PER_SESSION) break;
      session.delete(requestId);
      this.#rememberedBytes -= entry.size;
    }
    while (this.#rememberedBytes > MAX_REMEMBERED_BYTES && this.#sessions.size > 1) this.#forgetOldestSession();
    // One session alone holds too much: its oldest answers are the ones it has most surely received.
    for (const [requestId, entry] of session) {
      if (this.#rememberedBytes <= MAX_REMEMBERED_BYTES || session.size <= 1) break;
      session.delete(requestId);
      this.#rememberedBytes -= entry.size;
    }
  }

  #forgetOldestSession(): void {
    const [oldest] = this.#sessions;
    if (oldest === undefined) return;
    this.#sessions.delete(oldest[0]);
    for (const entry of oldest[1].values()) this.#rememberedBytes -= entry.size;
  }
}
