/** Follows the worker's inbox, the one query that says what to do, through token changes, outages and errors. */
import type { Inbox } from "../../../src/shared/worker-protocol.js";
import { isRejection, type WorkerSession } from "../backend/session.js";
import { errorMessage, type Logger } from "../logger.js";
import { jitteredBackoffMs, sleep } from "../timing.js";

const RETRY = { baseMs: 1_000, factor: 2, capMs: 30_000, jitter: 0.25 };

export class InboxWatcher {
  private unsubscribe: () => void = () => {};
  private wantsWork = false;
  private watchedToken: string | null = null;
  private errors = 0;
  private readonly stopped = new AbortController();

  constructor(
    private readonly session: WorkerSession,
    private readonly onInbox: (inbox: Inbox) => void,
    private readonly onRejected: () => void,
    private readonly logger: Logger,
  ) {}

  /** Subscribes, or subscribes anew when what is asked for or the token is not what it was. */
  watch(wantsWork: boolean): void {
    const { workerToken } = this.session.credentials;
    if (this.stopped.signal.aborted || (this.watchedToken === workerToken && this.wantsWork === wantsWork)) return;
    this.wantsWork = wantsWork;
    this.watchedToken = workerToken;
    this.unsubscribe();
    this.unsubscribe = this.session.watchInbox(
      wantsWork,
      (inbox) => {
        this.errors = 0;
        this.onInbox(inbox);
      },
      (error) => void this.recover(error, workerToken),
    );
  }

  stop(): void {
    this.stopped.abort();
    this.unsubscribe();
  }

  private async recover(error: Error, token: string): Promise<void> {
    this.errors++;
    if (isRejection(error)) {
      this.onRejected();
    } else {
      this.logger.warn({ reason: errorMessage(error) }, "The inbox cannot be read; trying again.");
    }
    await sleep(jitteredBackoffMs(RETRY, this.errors), this.stopped.signal);
    // Another subscription may have taken over meanwhile.
    if (this.watchedToken !== token) return;
    this.watchedToken = null;
    this.watch(this.wantsWork);
  }
}
