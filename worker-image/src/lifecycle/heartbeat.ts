/** Tells the backend that this worker is alive, which is what keeps its leases. */
import type { WorkerSession } from "../backend/session.js";
import { BackendUnavailable } from "../backend/errors.js";
import { isRejection } from "../backend/session.js";
import { errorMessage, type Logger } from "../logger.js";
import { sleep } from "../timing.js";

/** Shortest pause between two heartbeats, however often someone asks for one. */
const MIN_PAUSE_MS = 1_000;

export type HeartbeatListener = {
  /** The leases the worker believes to hold right now. */
  heldLeases(): ReadonlySet<string>;
  /** The worker had been given up: these leases, which it held when the heartbeat was sent, are lost. */
  onLapsed(leases: ReadonlySet<string>): void;
};

export class Heartbeat {
  private wake: () => void = () => {};
  private isFailing = false;

  constructor(
    private readonly session: WorkerSession,
    private readonly intervalMs: number,
    private readonly listener: HeartbeatListener,
    private readonly logger: Logger,
  ) {}

  /** Beats at once and then every interval, until `signal` is aborted. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.beat(signal);
      const pause = new AbortController();
      this.wake = () => pause.abort();
      const stop = () => pause.abort();
      signal.addEventListener("abort", stop, { once: true });
      const least = Math.min(MIN_PAUSE_MS, this.intervalMs);
      await sleep(least, signal);
      await sleep(this.intervalMs - least, pause.signal);
      signal.removeEventListener("abort", stop);
    }
  }

  /** Asks for a heartbeat now: the clock jumped, or the connection is back. */
  now(): void {
    this.wake();
  }

  private async beat(signal: AbortSignal): Promise<void> {
    const held = this.listener.heldLeases();
    try {
      // One try per beat: the next beat is the retry.
      const isAlive = await this.session.mutate("workerHeartbeat", (credentials) => credentials, {
        signal,
        giveUpAtMs: Number.NEGATIVE_INFINITY,
        timeoutMs: this.intervalMs,
      });
      if (this.isFailing) this.logger.info("The backend answers heartbeats again.");
      this.isFailing = false;
      if (!isAlive) this.listener.onLapsed(held);
    } catch (error) {
      if (signal.aborted || isRejection(error)) return;
      // Once per outage.
      if (!this.isFailing) this.logger.warn({ reason: errorMessage(error) }, "A heartbeat got no answer.");
      this.isFailing = true;
      if (!(error instanceof BackendUnavailable)) this.logger.debug({ error }, "A heartbeat failed.");
    }
  }
}
