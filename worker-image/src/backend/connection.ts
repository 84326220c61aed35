/** What the worker needs of its connection to the backend; {@link BackendConnection} is all that the rest of it knows. */
import type {
  Inbox,
  WorkerArgs,
  WorkerFunctionName,
  WorkerProtocol,
  WorkerResult,
} from "../../../src/shared/worker-protocol.js";

export type WorkerMutationName = {
  [Name in WorkerFunctionName]: WorkerProtocol[Name]["type"] extends "mutation" ? Name : never;
}[WorkerFunctionName];
export type WorkerQueryName = Exclude<WorkerFunctionName, WorkerMutationName>;

export type CallOptions<Result> = {
  /** How long to wait for the answer, connecting included. */
  timeoutMs: number;
  /** Ends the wait for a connection or for a query's answer at once; a mutation that was sent is still waited for. */
  signal?: AbortSignal;
  /**
   * Told of an answer that came after the caller had given up. A mutation that was sent is never taken back: it is sent
   * again after a reconnect, and what it did then has to be dealt with.
   */
  onLateResult?: (result: Result) => void;
};

export interface BackendConnection {
  readonly isConnected: boolean;
  /** Calls `listener` whenever the connection comes or goes; returns what stops that. */
  onConnectionChange(listener: (isConnected: boolean) => void): () => void;
  /**
   * Runs a mutation once.
   *
   * @throws BackendUnavailable, BackendFailure, or the backend's `ConvexError`
   */
  mutate<Name extends WorkerMutationName>(
    name: Name,
    args: WorkerArgs<Name>,
    options: CallOptions<WorkerResult<Name>>,
  ): Promise<WorkerResult<Name>>;
  /** Reads once, what earlier mutations of this connection wrote included. Throws like {@link mutate}. */
  query<Name extends WorkerQueryName>(
    name: Name,
    args: WorkerArgs<Name>,
    options: Pick<CallOptions<WorkerResult<Name>>, "timeoutMs" | "signal">,
  ): Promise<WorkerResult<Name>>;
  /** Follows the inbox until the returned function is called; reconnects by itself. */
  watchInbox(
    args: WorkerArgs<"workerInbox">,
    onInbox: (inbox: Inbox) => void,
    onError: (error: Error) => void,
  ): () => void;
  /** Drops the socket and connects anew, for when it may be dead without knowing. Calls in flight are kept. */
  reconnect(why: string): void;
  close(): Promise<void>;
}
