/** The sending side of one socket: bounded in what it holds for a slow client, and splitting what is too large for one frame. */
import type { WebSocket } from "ws";

/** New transitions wait while more than this is unsent: a slow client gets fewer, newer ones instead of a growing queue. Bytes. */
const ENOUGH_UNSENT = 1024 * 1024;
/** A client that lets this much pile up does not read any more. One single message may be larger. Bytes. */
const TOO_MUCH_UNSENT = 64 * 1024 * 1024;
/** Convex splits transitions above this; one frame of many megabytes would look like silence to a client on a slow line. */
const CHUNK_ABOVE = 5 * 1024 * 1024;
const CHUNK_SIZE = 1024 * 1024;

export class Outbox {
  #unsentBytes = 0;
  #lastProgress = Date.now();
  #chunkedTransitions = 0;
  #waiting: (() => void)[] = [];

  constructor(
    private readonly socket: WebSocket,
    private readonly options: {
      /** Whether the client knows how to put chunks together again. */
      supportsChunks: boolean;
      onOverflow: () => void;
    },
  ) {}

  /** Since when nothing has left although something waits, in milliseconds. */
  get stalledForMs(): number {
    return this.#unsentBytes === 0 ? 0 : Date.now() - this.#lastProgress;
  }

  /** Resolves once the client has taken most of what it was sent, or the socket is closed. */
  async ready(): Promise<void> {
    while (this.#unsentBytes > ENOUGH_UNSENT && this.#isOpen) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  send(message: object): void {
    this.#sendFrame(JSON.stringify(message));
  }

  /** Sends a transition that is JSON already. */
  sendTransition(json: string): void {
    if (json.length <= CHUNK_ABOVE || !this.options.supportsChunks) {
      this.#sendFrame(json);
      return;
    }
    // Nothing else may come between the parts, which is so because they are all handed over in this one turn.
    const transitionId = String(++this.#chunkedTransitions);
    const totalParts = Math.ceil(json.length / CHUNK_SIZE);
    for (let partNumber = 0; partNumber < totalParts; partNumber++) {
      const chunk = json.slice(partNumber * CHUNK_SIZE, (partNumber + 1) * CHUNK_SIZE);
      const isFirst = partNumber === 0;
      this.#sendFrame(
        JSON.stringify({ type: "TransitionChunk", chunk, partNumber, totalParts, transitionId }),
        isFirst,
      );
    }
  }

  /** Wakes those who wait for a socket that will not send any more. */
  close(): void {
    this.#wake();
  }

  get #isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  #sendFrame(frame: string, mayOverflow = true): void {
    if (!this.#isOpen) return;
    if (mayOverflow && this.#unsentBytes > TOO_MUCH_UNSENT) {
      this.options.onOverflow();
      return;
    }
    const size = Buffer.byteLength(frame);
    if (this.#unsentBytes === 0) this.#lastProgress = Date.now();
    this.#unsentBytes += size;
    this.socket.send(frame, () => {
      // An error here is a socket that is closing; its close event says so.
      this.#unsentBytes -= size;
      this.#lastProgress = Date.now();
      if (this.#unsentBytes <= ENOUGH_UNSENT) this.#wake();
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
