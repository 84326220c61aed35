/** A connection to {@link FakeBackend} within the process, with calls, answers and the whole line to lose. For tests. */
import type { Inbox, WorkerArgs, WorkerFunctionName, WorkerResult } from "../../../src/shared/worker-protocol.js";
import { WORKER_PROTOCOL } from "../../../src/shared/worker-protocol.js";
import type { BackendConnection, CallOptions, WorkerMutationName, WorkerQueryName } from "../backend/connection.js";
import { BackendFailure, BackendUnavailable } from "../backend/errors.js";
import { sleep } from "../timing.js";
import { problemWith, problemWithFields } from "./conforms.js";
import type { FakeBackend } from "./fake-backend.js";

/**
 * `before`: the request is lost. `after`: the answer comes too late. `never`: the answer never comes. `failure`: the backend
 * breaks and has done nothing.
 */
export type CallFault = "before" | "after" | "never" | "failure" | Error;
export type Call = { name: WorkerFunctionName; args: unknown };

export class FakeConnection implements BackendConnection {
  isConnected = true;
  readonly calls: Call[] = [];
  /** Asked before each call, in the order of the calls. */
  fault: (call: Call, earlierCallsOfThatName: number) => CallFault | undefined = () => undefined;
  /** What the worker gets to see of its inbox. */
  mapInbox: (inbox: Inbox) => Inbox = (inbox) => inbox;
  private readonly listeners = new Set<(isConnected: boolean) => void>();

  constructor(private readonly backend: FakeBackend) {}

  setConnected(isConnected: boolean): void {
    this.isConnected = isConnected;
    for (const listener of [...this.listeners]) listener(isConnected);
    if (isConnected) this.backend.changed();
  }

  onConnectionChange(listener: (isConnected: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async mutate<Name extends WorkerMutationName>(
    name: Name,
    args: WorkerArgs<Name>,
    options: CallOptions<WorkerResult<Name>>,
  ): Promise<WorkerResult<Name>> {
    return await this.call(name, args, options.onLateResult);
  }

  async query<Name extends WorkerQueryName>(name: Name, args: WorkerArgs<Name>): Promise<WorkerResult<Name>> {
    return await this.call(name, args);
  }

  watchInbox(
    args: WorkerArgs<"workerInbox">,
    onInbox: (inbox: Inbox) => void,
    onError: (error: Error) => void,
  ): () => void {
    let last = "";
    const update = () => {
      if (!this.isConnected) return;
      try {
        const inbox = this.mapInbox(this.backend.run("workerInbox", args));
        if (JSON.stringify(inbox) === last) return;
        last = JSON.stringify(inbox);
        onInbox(inbox);
      } catch (error) {
        if (error instanceof Error) onError(error);
      }
    };
    let isWatching = true;
    // Like a real subscription, it tells nothing while it is being made.
    const later = () => setImmediate(() => isWatching && update());
    later();
    const stop = this.backend.watch(later);
    return () => {
      isWatching = false;
      stop();
    };
  }

  reconnect(): void {
    this.setConnected(false);
    this.setConnected(true);
  }

  async close(): Promise<void> {
    this.isConnected = false;
  }

  callsOf(name: WorkerFunctionName): Call[] {
    return this.calls.filter((call) => call.name === name);
  }

  private async call<Name extends WorkerFunctionName>(
    name: Name,
    args: WorkerArgs<Name>,
    onLateResult?: (result: WorkerResult<Name>) => void,
  ): Promise<WorkerResult<Name>> {
    await sleep(0);
    const problem = problemWithFields(WORKER_PROTOCOL[name].args, args, name);
    if (problem !== null) throw new Error(`The backend would refuse these arguments: ${problem}`);
    if (!this.isConnected) {
      await sleep(5);
      throw new BackendUnavailable("The backend cannot be reached.");
    }
    const call = { name, args };
    const fault = this.fault(call, this.callsOf(name).length);
    this.calls.push(call);
    if (fault instanceof Error) throw fault;
    if (fault === "before") throw new BackendUnavailable("The request was lost.");
    if (fault === "failure") throw new BackendFailure("The backend is being deployed.");
    const result = this.backend.run(name, args);
    const wrong = problemWith(WORKER_PROTOCOL[name].returns, result, name);
    if (wrong !== null) throw new Error(`The fake backend breaks the protocol: ${wrong}`);
    if (fault === "never") throw new BackendUnavailable("The answer was lost.");
    if (fault === "after") {
      if (onLateResult !== undefined) setTimeout(() => onLateResult(result), 5);
      throw new BackendUnavailable("The answer was lost.");
    }
    return result;
  }
}
