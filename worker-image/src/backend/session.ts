/** Calls to the backend as this worker: adds the credentials, repeats what got no answer, notices when they are refused. */
import { isAgentFactoryError } from "../../../src/shared/errors.js";
import type { BackoffPolicy } from "../../../src/shared/backoff.js";
import type { Inbox, WorkerArgs, WorkerResult } from "../../../src/shared/worker-protocol.js";
import { errorMessage, type Logger } from "../logger.js";
import { jitteredBackoffMs, monotonicMs, settledWithin, sleep } from "../timing.js";
import type { BackendConnection, WorkerMutationName, WorkerQueryName } from "./connection.js";
import { BackendFailure, BackendUnavailable } from "./errors.js";

export type Credentials = { workerId: string; workerToken: string };

/** Where the session learns the token, which may change while it works. */
export interface TokenSource {
  readonly workerId: string;
  readonly token: string;
  /** Resolves when no change of the token is under way; never rejects. */
  settled(): Promise<void>;
}

export type CallPolicy = {
  /** Ends the repeating, and waiting for anything but the answer to a mutation that was sent. */
  signal?: AbortSignal;
  /** When to stop repeating calls that got no answer, on the monotonic clock. Never, when left out. */
  giveUpAtMs?: number;
  timeoutMs?: number;
};

/** The signal of a call's policy was aborted before the call had an answer. */
export class CallAborted extends Error {
  override readonly name = "CallAborted";
}

/** Long enough for a reconnect in between, short enough to notice a dead backend. */
export const CALL_TIMEOUT_MS = 15_000;

/** Down to a hiccup at first, then one try in half a minute for as long as an outage lasts. */
const RETRY: BackoffPolicy = { baseMs: 250, factor: 2, capMs: 30_000, jitter: 0.25 };

/** Untyped errors of the backend may be a conflict or a deploy that passes; more than this in a row is a bug. */
const MAX_BACKEND_FAILURES = 5;

export function isRejection(error: unknown): boolean {
  return isAgentFactoryError(error, "worker_rejected") || isAgentFactoryError(error, "unauthorized");
}

export class WorkerSession {
  constructor(
    readonly connection: BackendConnection,
    private readonly tokens: TokenSource,
    private readonly logger: Logger,
    /** Told each time the backend refuses this worker's current token. */
    private readonly onRejected: () => void,
  ) {}

  get credentials(): Credentials {
    return { workerId: this.tokens.workerId, workerToken: this.tokens.token };
  }

  /**
   * Runs a mutation until it has an answer. Every mutation of the protocol may be repeated with the same arguments,
   * except a claim: a claim whose answer comes late is handed to `onLateResult`.
   *
   * @throws the backend's `ConvexError`; BackendUnavailable past `giveUpAtMs`; BackendFailure; CallAborted
   */
  async mutate<Name extends WorkerMutationName>(
    name: Name,
    args: (credentials: Credentials) => WorkerArgs<Name>,
    policy: CallPolicy & { onLateResult?: (result: WorkerResult<Name>) => void } = {},
  ): Promise<WorkerResult<Name>> {
    const { timeoutMs = CALL_TIMEOUT_MS, signal, onLateResult } = policy;
    return await this.persistently(name, policy, async (credentials) =>
      this.connection.mutate(name, args(credentials), {
        timeoutMs,
        ...(signal !== undefined && { signal }),
        ...(onLateResult !== undefined && { onLateResult }),
      }),
    );
  }

  /** Reads once, as persistently as {@link mutate} writes. */
  async query<Name extends WorkerQueryName>(
    name: Name,
    args: (credentials: Credentials) => WorkerArgs<Name>,
    policy: CallPolicy = {},
  ): Promise<WorkerResult<Name>> {
    const { timeoutMs = CALL_TIMEOUT_MS, signal } = policy;
    return await this.persistently(name, policy, async (credentials) =>
      this.connection.query(name, args(credentials), { timeoutMs, ...(signal !== undefined && { signal }) }),
    );
  }

  watchInbox(wantsWork: boolean, onInbox: (inbox: Inbox) => void, onError: (error: Error) => void): () => void {
    return this.connection.watchInbox({ ...this.credentials, wantsWork }, onInbox, onError);
  }

  private async persistently<T>(
    name: string,
    { signal, giveUpAtMs }: CallPolicy,
    call: (credentials: Credentials) => Promise<T>,
  ): Promise<T> {
    let backendFailures = 0;
    for (let attempt = 1; ; attempt++) {
      if (signal?.aborted === true) throw new CallAborted(`${name} was given up.`);
      const { credentials } = this;
      try {
        return await call(credentials);
      } catch (error) {
        if (isRejection(error)) {
          const patienceMs = Math.min(CALL_TIMEOUT_MS, (giveUpAtMs ?? Number.POSITIVE_INFINITY) - monotonicMs());
          await settledWithin(this.tokens.settled(), patienceMs);
          // Refused because it had just been replaced: the new one is worth a try, and can be so only once per change.
          if (this.tokens.token !== credentials.workerToken) continue;
          this.onRejected();
          throw error;
        }
        const isFailure = error instanceof BackendFailure;
        if (!isFailure && !(error instanceof BackendUnavailable)) throw error;
        backendFailures = isFailure ? backendFailures + 1 : 0;
        const delayMs = jitteredBackoffMs(RETRY, attempt);
        const isTooLate = giveUpAtMs !== undefined && monotonicMs() + delayMs >= giveUpAtMs;
        if (isTooLate || backendFailures >= MAX_BACKEND_FAILURES) throw error;
        this.logger.debug({ call: name, attempt, delayMs, reason: errorMessage(error) }, "Calling again later.");
        await sleep(delayMs, signal);
      }
    }
  }
}
