/** Streams a turn's output to the backend in batches: few calls, in order, no character lost and none repeated. */
import { isAgentFactoryError } from "../../src/shared/errors.js";
import type { ToolCall } from "../../src/shared/payload.js";
import { MAX_DELTA_CHARACTERS, MAX_REPLY_CHARACTERS } from "../../src/shared/worker-protocol.js";
import { monotonicMs, sleep } from "./timing.js";
import { wellFormed } from "./well-formed.js";

export type Delta = { offset: number; text: string; tools: ToolCall[] };

/**
 * Sends one delta and returns how many characters the backend then has. Repeats by itself what got no answer; what it
 * throws ends the stream.
 */
export type SendDelta = (delta: Delta) => Promise<number>;

/** At most five calls a second: what a turn may cost the database. */
const CALLS_PER_WINDOW = 5;
const MIN_INTERVAL_MS = 200;
/** Two gaps in a row mean that the backend has less than it said it had; more than that is no accident. */
const MAX_GAPS = 5;
/** The backend takes 64; the rest waits for the next call. */
const MAX_TOOLS_PER_DELTA = 32;

/** Said at the end of a reply that did not fit. */
const CUT_NOTICE = `\n\n[The reply was cut here: a reply has at most ${MAX_REPLY_CHARACTERS} characters.]`;

const MAX_TEXT_CHARACTERS = MAX_REPLY_CHARACTERS - CUT_NOTICE.length;

const isHighSurrogate = (code: number) => code >= 0xd800 && code <= 0xdbff;

export class DeltaStream {
  private text = "";
  private heldBack = "";
  private isCut = false;
  private sent = 0;
  private gaps = 0;
  private readonly tools = new Map<string, ToolCall>();
  private isEnded = false;
  private wake: () => void = () => {};
  private wakeAtEnd: () => void = () => {};
  /** The newest calls, oldest first. */
  private readonly callTimes: number[] = [];
  private readonly finished: Promise<void>;

  /**
   * @param signal stops sending at once; {@link finish} then resolves
   * @param intervalMs the least time between two calls
   */
  constructor(
    private readonly send: SendDelta,
    private readonly signal: AbortSignal,
    private readonly intervalMs = MIN_INTERVAL_MS,
  ) {
    const stop = () => this.wake();
    signal.addEventListener("abort", stop, { once: true });
    this.finished = this.run().finally(() => signal.removeEventListener("abort", stop));
    // Whoever calls finish() hears of a failure; until then it must not end the process.
    this.finished.catch(() => {});
  }

  /** Everything pushed so far that fits into a reply: exactly what has been or will be streamed. */
  get reply(): string {
    return this.text;
  }

  push(text: string): void {
    if (this.isEnded || this.isCut) return;
    let whole = this.heldBack + text;
    // The second half of a character may come with the next piece.
    this.heldBack = isHighSurrogate(whole.charCodeAt(whole.length - 1)) ? whole.slice(-1) : "";
    whole = whole.slice(0, whole.length - this.heldBack.length);
    this.append(whole);
  }

  /** Sets a tool call's state; of states that follow each other quickly only the last is sent. */
  tool(call: ToolCall): void {
    if (this.isEnded) return;
    // Deleted first, so that calls stay in the order of their last change.
    this.tools.delete(call.callId);
    this.tools.set(call.callId, call);
    this.wake();
  }

  /** Sends what is left and resolves when the backend has it. Throws what sending threw, if that ended the stream. */
  async finish(): Promise<void> {
    if (!this.isEnded) {
      if (!this.isCut) this.append(this.heldBack);
      this.heldBack = "";
      this.isEnded = true;
      this.wake();
      this.wakeAtEnd();
    }
    await this.finished;
  }

  private append(text: string): void {
    const whole = wellFormed(text);
    let room = MAX_TEXT_CHARACTERS - this.text.length;
    this.isCut = whole.length > room;
    if (this.isCut && isHighSurrogate(whole.charCodeAt(room - 1))) room -= 1;
    // Only ever added to: what was there before may be on its way already.
    this.text += this.isCut ? whole.slice(0, room) + CUT_NOTICE : whole;
    this.wake();
  }

  private async run(): Promise<void> {
    while (!this.signal.aborted) {
      if (this.sent < this.text.length || this.tools.size > 0) await this.sendOne();
      else if (this.isEnded) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  private async sendOne(): Promise<void> {
    await this.untilDue();
    if (this.signal.aborted) return;
    this.callTimes.push(monotonicMs());
    if (this.callTimes.length > CALLS_PER_WINDOW) this.callTimes.shift();
    const tools = [...this.tools.values()].slice(0, MAX_TOOLS_PER_DELTA);
    const delta = { offset: this.sent, text: this.slice(this.sent), tools };
    try {
      const length = await this.send(delta);
      this.sent = Math.min(length, this.text.length);
      this.gaps = 0;
      for (const call of tools) {
        // A state that changed while this one was on its way has still to be sent.
        if (this.tools.get(call.callId) === call) this.tools.delete(call.callId);
      }
    } catch (error) {
      if (!isAgentFactoryError(error, "output_gap") || ++this.gaps > MAX_GAPS) throw error;
      // What the backend has is skipped there, so beginning again is harmless, and the answer says where to go on.
      this.sent = 0;
    }
  }

  /** Evenly spread while text comes in; at the end at once, if that still keeps to the number of calls a second. */
  private async untilDue(): Promise<void> {
    while (!this.signal.aborted) {
      const last = this.callTimes.at(-1) ?? Number.NEGATIVE_INFINITY;
      const oldest = this.callTimes.length < CALLS_PER_WINDOW ? Number.NEGATIVE_INFINITY : (this.callTimes[0] ?? last);
      const dueAt = this.isEnded ? oldest + CALLS_PER_WINDOW * this.intervalMs : last + this.intervalMs;
      const waitMs = dueAt - monotonicMs();
      if (waitMs <= 0) return;
      // The end may come while this waits.
      await Promise.race([sleep(waitMs, this.signal), new Promise<void>((resolve) => (this.wakeAtEnd = resolve))]);
    }
  }

  /** The next characters to send, never ending in the middle of one. */
  private slice(start: number): string {
    const part = this.text.slice(start, start + MAX_DELTA_CHARACTERS);
    const isSplit = start + part.length < this.text.length && isHighSurrogate(part.charCodeAt(part.length - 1));
    return isSplit ? part.slice(0, -1) : part;
  }
}
