/** The connection to the backend over the stock Convex client: one WebSocket for calls and for the inbox. */
import { ConvexClient } from "convex/browser";
import { ConvexError } from "convex/values";
import { workerFunction, type Inbox, type WorkerArgs, type WorkerResult } from "../../src/shared/worker-protocol.js";
import type { BackendConnection, CallOptions, WorkerMutationName, WorkerQueryName } from "./backend/connection.js";
import { BackendFailure, BackendUnavailable } from "./backend/errors.js";
import { PromptReconnect } from "./backend/prompt-reconnect.js";
import { trackedSockets } from "./backend/tracked-socket.js";
import { errorMessage, type Logger } from "./logger.js";
import { monotonicMs, withTimeout } from "./timing.js";

/** A call unanswered for this long on an open socket means that the socket is dead: cut it, and the client sends again. */
const SUSPICIOUS_SILENCE_MS = 10_000;

const quiet = () => {};

export class ConvexConnection implements BackendConnection {
  private readonly client: ConvexClient;
  private readonly sockets = trackedSockets();
  private readonly promptly: PromptReconnect;
  private readonly listeners = new Set<(isConnected: boolean) => void>();
  private readonly stopWatching: () => void;
  private connected = false;
  private closed = false;
  private lastReconnectAt = Number.NEGATIVE_INFINITY;

  constructor(
    deploymentUrl: string,
    private readonly functionsModule: string,
    private readonly logger: Logger,
  ) {
    this.client = new ConvexClient(deploymentUrl, {
      webSocketConstructor: this.sockets.constructor,
      unsavedChangesWarning: false,
      // The client would log errors of calls with their arguments; each caller here logs its own, without them.
      logger: { logVerbose: quiet, log: quiet, warn: quiet, error: quiet },
    });
    this.promptly = new PromptReconnect(this.client);
    this.stopWatching = this.client.subscribeToConnectionState((state) => {
      this.setConnected(state.isWebSocketConnected);
      this.promptly.onStateChange();
    });
    this.setConnected(this.client.connectionState().isWebSocketConnected);
  }

  get isConnected(): boolean {
    return this.connected;
  }

  onConnectionChange(listener: (isConnected: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async mutate<Name extends WorkerMutationName>(
    name: Name,
    args: WorkerArgs<Name>,
    { timeoutMs, signal, onLateResult }: CallOptions<WorkerResult<Name>>,
  ): Promise<WorkerResult<Name>> {
    // Not sent at all while there is no connection: the client would keep it and send it whenever there is one again.
    const leftMs = await this.untilConnected(timeoutMs, signal);
    const reference = workerFunction(this.functionsModule, name);
    const answer: Promise<WorkerResult<Name>> = this.client.mutation(reference, args);
    return await this.answered(name, answer, leftMs, { onLateResult });
  }

  async query<Name extends WorkerQueryName>(
    name: Name,
    args: WorkerArgs<Name>,
    { timeoutMs, signal }: Pick<CallOptions<WorkerResult<Name>>, "timeoutMs" | "signal">,
  ): Promise<WorkerResult<Name>> {
    const leftMs = await this.untilConnected(timeoutMs, signal);
    const reference = workerFunction(this.functionsModule, name);
    let unsubscribe = quiet;
    const answer = new Promise<WorkerResult<Name>>((resolve, reject) => {
      unsubscribe = this.client.onUpdate(reference, args, resolve, reject);
    });
    try {
      return await this.answered(name, answer, leftMs, { signal });
    } finally {
      unsubscribe();
    }
  }

  watchInbox(
    args: WorkerArgs<"workerInbox">,
    onInbox: (inbox: Inbox) => void,
    onError: (error: Error) => void,
  ): () => void {
    const reference = workerFunction(this.functionsModule, "workerInbox");
    return this.client.onUpdate(reference, args, onInbox, (error) => onError(asBackendError("workerInbox", error)));
  }

  reconnect(why: string): void {
    if (this.closed) return;
    this.logger.info({ why }, "Connecting to the backend anew.");
    this.lastReconnectAt = monotonicMs();
    this.sockets.terminateAll();
    this.promptly.begin();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.stopWatching();
    this.promptly.end();
    this.setConnected(false);
    // The client waits for the other side to say goodbye; cutting the socket ends that wait too.
    const closing = this.client.close();
    this.sockets.terminateAll();
    await withTimeout(closing, 1_000, () => new BackendUnavailable("The socket did not close.")).catch(quiet);
  }

  private setConnected(isConnected: boolean): void {
    if (this.connected === isConnected) return;
    this.connected = isConnected;
    if (isConnected) this.promptly.end();
    for (const listener of [...this.listeners]) listener(isConnected);
  }

  /** Waits for a connection and returns what is left of `timeoutMs`. */
  private async untilConnected(timeoutMs: number, signal?: AbortSignal): Promise<number> {
    if (this.closed) throw new BackendUnavailable("The connection to the backend has been closed.");
    if (this.connected) return timeoutMs;
    const startedAt = monotonicMs();
    let stop = quiet;
    const connected = new Promise<void>((done) => {
      stop = this.onConnectionChange((isConnected) => {
        if (isConnected) done();
      });
    });
    try {
      const late = () => new BackendUnavailable("The backend cannot be reached.");
      await withTimeout(unlessAborted(connected, signal), timeoutMs, late);
    } finally {
      stop();
    }
    return Math.max(1, timeoutMs - (monotonicMs() - startedAt));
  }

  private async answered<T>(
    name: string,
    answer: Promise<T>,
    timeoutMs: number,
    { signal, onLateResult }: { signal?: AbortSignal | undefined; onLateResult?: ((result: T) => void) | undefined },
  ): Promise<T> {
    const late = { isLate: false };
    const suspicion = setTimeout(() => {
      // Once in a while only: a slow backend must not be met with a storm of reconnects.
      if (this.connected && monotonicMs() - this.lastReconnectAt >= SUSPICIOUS_SILENCE_MS) {
        this.reconnect(`${name} has not been answered`);
      }
    }, SUSPICIOUS_SILENCE_MS);
    const classified = answer.then(
      (result) => {
        if (late.isLate) onLateResult?.(result);
        return result;
      },
      (error: unknown) => {
        throw asBackendError(name, error);
      },
    );
    // After a time-out nobody waits any more, and a late failure is no news.
    classified.catch(quiet);
    try {
      return await withTimeout(unlessAborted(classified, signal), timeoutMs, () => {
        late.isLate = true;
        return new BackendUnavailable(`The backend did not answer ${name} within ${Math.round(timeoutMs)} ms.`);
      });
    } finally {
      clearTimeout(suspicion);
    }
  }
}

/** What `promise` comes to, if that is before `signal` is aborted. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  let onAbort = quiet;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new BackendUnavailable("The answer is not waited for any more."));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function asBackendError(name: string, error: unknown): Error {
  if (error instanceof ConvexError) return error;
  // An untyped error's text may go on to quote the arguments of the call; what comes before that is the backend's own.
  const summary = errorMessage(error).split(/ Object: | Value: /)[0] ?? "";
  return new BackendFailure(`The backend failed to run ${name}: ${summary}`);
}
