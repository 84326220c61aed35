/**
 * One client's conversation over one WebSocket: takes its messages in order, runs its mutations one after another,
 * and hands it transitions. A client that reconnects gets a new session; only the mutation log outlives them.
 */
import type { CallResult } from "../../engine/types.js";
import { ANONYMOUS, AuthenticationError, type Caller } from "../auth/caller.js";
import type { Authenticator } from "../auth/authenticator.js";
import { MAX_CALL_BYTES } from "../http/body.js";
import type { FunctionRunner } from "../functions/function-runner.js";
import type { LiveQueries } from "./live-queries.js";
import { parseClientMessage, ProtocolError, type ClientMessage, type Credentials } from "./messages.js";
import type { MutationLog } from "./mutation-log.js";
import { encodeTimestamp } from "./timestamps.js";
import { Transitions } from "./transitions.js";

/** Convex's own bound for each kind of request that waits or runs on one socket. */
const MAX_REQUESTS_IN_FLIGHT = 1_000;
/** Messages that may wait while a token is being verified, which takes a network round trip at worst. */
const MAX_WAITING_MESSAGES = 2_000;

export interface SessionDependencies {
  authenticator: Authenticator;
  runner: FunctionRunner;
  liveQueries: LiveQueries;
  mutationLog: MutationLog;
  log: (line: string) => void;
}

/** The socket as the session needs it. */
export interface SessionConnection {
  send(message: object): void;
  sendTransition(json: string): void;
  /** Resolves when the client has taken most of what it was sent. */
  ready(): Promise<void>;
  close(code: CloseCode, reason: string): void;
}

/** WebSocket close codes. Clients reconnect after each of them, unless they were sent a FatalError before. */
export type CloseCode = 1001 | 1008 | 1011 | 1013;

type FunctionMessage = Extract<ClientMessage, { type: "Mutation" | "Action" }>;

export class SyncSession {
  readonly #transitions: Transitions;
  readonly #messages: ClientMessage[] = [];
  #isHandling = false;
  #closed = false;
  #caller: Caller = ANONYMOUS;
  #sessionId: string | null = null;
  #mutations: Promise<void> = Promise.resolve();
  #mutationsInFlight = 0;
  #actionsInFlight = 0;

  constructor(
    private readonly connection: SessionConnection,
    private readonly dependencies: SessionDependencies,
  ) {
    this.#transitions = new Transitions(connection, dependencies.liveQueries, (error) => this.#fail(error));
  }

  /** A frame from the client. Never throws: what is wrong with it ends the session with an explanation. */
  receive(frame: string): void {
    if (this.#closed) return;
    try {
      this.#messages.push(parseClientMessage(frame));
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#messages.length > MAX_WAITING_MESSAGES) this.#overloaded("messages");
    if (!this.#isHandling) void this.#handleMessages();
  }

  /** The socket is gone. What runs goes on, and is remembered for the client's next session. */
  close(): void {
    this.#closed = true;
    this.#messages.length = 0;
    this.#transitions.close();
  }

  async #handleMessages(): Promise<void> {
    this.#isHandling = true;
    try {
      for (let message = this.#messages.shift(); message !== undefined; message = this.#messages.shift()) {
        await this.#handle(message);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isHandling = false;
    }
  }

  async #handle(message: ClientMessage): Promise<void> {
    switch (message.type) {
      case "Connect":
        this.#sessionId = message.sessionId;
        this.#transitions.connect(message);
        return;
      case "ModifyQuerySet":
        this.#transitions.modifyQuerySet(message);
        return;
      case "Authenticate":
        this.#caller = await this.#authenticate(message.credentials, message.baseVersion);
        this.#transitions.changeCaller(this.#caller, message.baseVersion);
        return;
      case "Mutation":
      case "Action":
        if (message.bytes > MAX_CALL_BYTES) this.#refuseArguments(message);
        else if (message.type === "Mutation") this.#enqueueMutation(message, this.#validCaller());
        else void this.#runAction(message, this.#validCaller());
        return;
      case "Event":
        // Statistics for the operators of a cloud.
        return;
    }
  }

  async #authenticate(credentials: Credentials, baseVersion: number): Promise<Caller> {
    const { authenticator } = this.dependencies;
    try {
      if (credentials.tokenType === "None") return ANONYMOUS;
      if (credentials.tokenType === "User") return await authenticator.fromToken(credentials.value);
      return authenticator.fromAdminKey(credentials.value, credentials.impersonating ?? undefined);
    } catch (error) {
      if (error instanceof AuthenticationError) throw new AuthenticationRefused(error.message, baseVersion);
      throw error;
    }
  }

  #validCaller(): Caller {
    this.#transitions.assertNotExpired(this.#caller);
    return this.#caller;
  }

  #enqueueMutation(message: FunctionMessage, caller: Caller): void {
    if (this.#mutationsInFlight >= MAX_REQUESTS_IN_FLIGHT) {
      this.#overloaded("mutations");
      return;
    }
    this.#mutationsInFlight++;
    this.#mutations = this.#mutations.then(async () => {
      // A mutation that has not begun when the socket breaks is left to the client, which sends it again in its order.
      if (!this.#closed) await this.#runMutation(message, caller);
      this.#mutationsInFlight--;
    });
  }

  async #runMutation(message: FunctionMessage, caller: Caller): Promise<void> {
    const { runner, mutationLog } = this.dependencies;
    const { requestId, udfPath: path, args, componentPath } = message;
    const sessionId = this.#sessionId;
    const request = { kind: "mutation" as const, path, componentPath, args, caller };
    const outcome = await this.#transitions.whileMutationRuns(async () =>
      sessionId === null
        ? await runner.run(request)
        : await mutationLog.runOnce(sessionId, requestId, async () =>
            runner.run({ ...request, requestKey: `${sessionId}/${requestId}` }),
          ),
    );
    if (outcome.success) {
      const { value: result, logLines } = outcome;
      const ts = encodeTimestamp(outcome.ts);
      this.#send({ type: "MutationResponse", requestId, success: true, result, ts, logLines });
    } else {
      this.#send(failedResponse("MutationResponse", requestId, outcome));
    }
    // The client holds the answer back until a transition has reached the mutation's commit, so it must get one.
    this.#transitions.owe(outcome.ts);
  }

  async #runAction(message: FunctionMessage, caller: Caller): Promise<void> {
    if (this.#actionsInFlight >= MAX_REQUESTS_IN_FLIGHT) {
      this.#overloaded("actions");
      return;
    }
    const { requestId, udfPath: path, args, componentPath } = message;
    this.#actionsInFlight++;
    const outcome = await this.dependencies.runner.run({ kind: "action", path, componentPath, args, caller });
    this.#actionsInFlight--;
    this.#send(
      outcome.success
        ? { type: "ActionResponse", requestId, success: true, result: outcome.value, logLines: outcome.logLines }
        : failedResponse("ActionResponse", requestId, outcome),
    );
  }

  #refuseArguments({ type, requestId, udfPath, bytes }: FunctionMessage): void {
    const result = `The arguments of ${udfPath} are too large: ${bytes} bytes, of at most ${MAX_CALL_BYTES}.`;
    this.#send({ type: `${type}Response`, requestId, success: false, result, logLines: [] });
  }

  #send(message: object): void {
    if (!this.#closed) this.connection.send(message);
  }

  #overloaded(what: string): void {
    this.#end(1013, `TooManyConcurrentRequests: too many ${what} at once on one connection`);
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    if (error instanceof ProtocolError) {
      this.#send({ type: "FatalError", error: error.message });
      this.#end(1008, "FatalError");
    } else if (error instanceof AuthenticationRefused) {
      this.#send({
        type: "AuthError",
        error: error.message,
        baseVersion: error.baseVersion,
        authUpdateAttempted: true,
      });
      this.#end(1008, "AuthError");
    } else if (error instanceof AuthenticationError) {
      const baseVersion = this.#transitions.identityVersion;
      this.#send({ type: "AuthError", error: error.message, baseVersion, authUpdateAttempted: false });
      this.#end(1008, "AuthError");
    } else {
      const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.dependencies.log(`A sync connection failed: ${details}`);
      this.#end(1011, "InternalServerError");
    }
  }

  #end(code: CloseCode, reason: string): void {
    this.close();
    this.connection.close(code, reason);
  }
}

/** The credentials of an `Authenticate` message are no good; the client's versions stay what they were before it. */
class AuthenticationRefused extends Error {
  constructor(
    message: string,
    readonly baseVersion: number,
  ) {
    super(message);
  }
}

function failedResponse(type: string, requestId: number, outcome: Extract<CallResult, { success: false }>): object {
  const { errorMessage: result, errorData, logLines } = outcome;
  return { type, requestId, success: false, result, logLines, ...(errorData === undefined ? {} : { errorData }) };
}
