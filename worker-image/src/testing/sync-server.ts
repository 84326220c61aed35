/** Convex's WebSocket protocol in front of {@link FakeBackend}, so that the stock client and whole processes can be tested. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { convexToJson, ConvexError, jsonToConvex, type JSONValue, type Value } from "convex/values";
import { WebSocketServer, type WebSocket } from "ws";
import { z } from "zod";
import { WORKER_PROTOCOL, type WorkerFunctionName } from "../../../src/shared/worker-protocol.js";
import { problemWithFields } from "./conforms.js";
import type { FakeBackend } from "./fake-backend.js";

const vJson = z.custom<JSONValue>((value) => value !== undefined);
const vMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("Connect"), sessionId: z.string() }),
  z.object({
    type: z.literal("ModifyQuerySet"),
    newVersion: z.number(),
    modifications: z.array(
      z.discriminatedUnion("type", [
        z.object({ type: z.literal("Add"), queryId: z.number(), udfPath: z.string(), args: z.array(vJson) }),
        z.object({ type: z.literal("Remove"), queryId: z.number() }),
      ]),
    ),
  }),
  z.object({ type: z.literal("Mutation"), requestId: z.number(), udfPath: z.string(), args: z.array(vJson) }),
  z.object({ type: z.literal("Event") }),
]);
type Message = z.infer<typeof vMessage>;
type Query = { udfPath: string; args: JSONValue[]; last: string };

/** What to do with a mutation: `drop` its answer with the socket, or `ignore` it (a server that hangs). */
export type MutationFault = "drop" | "ignore" | undefined;

const encodeTs = (ts: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(ts));
  return bytes.toString("base64");
};

export class SyncServer {
  fault: (name: WorkerFunctionName) => MutationFault = () => undefined;
  connections = 0;
  /** How many of the next connections are refused. */
  refusals = 0;
  private readonly http: Server = createServer();
  private sockets = new WebSocketServer({
    server: this.http,
    verifyClient: () => {
      const isRefused = this.refusals > 0;
      if (isRefused) this.refusals -= 1;
      return !isRefused;
    },
  });
  /** Answers by session and request: a client that reconnects asks again. */
  private readonly answers = new Map<string, object>();
  private ts = 1;

  constructor(private readonly backend: FakeBackend) {
    this.listenForSockets();
  }

  async start(port = 0): Promise<string> {
    await new Promise<void>((done) => this.http.listen(port, "127.0.0.1", done));
    const address: AddressInfo | string | null = this.http.address();
    return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  /** Drops every connection, as a network that goes away does. */
  dropConnections(): void {
    for (const socket of this.sockets.clients) socket.terminate();
  }

  async stop(): Promise<void> {
    this.dropConnections();
    this.http.closeAllConnections();
    await new Promise((done) => this.http.close(done));
  }

  private listenForSockets(): void {
    this.sockets.on("connection", (socket) => {
      this.connections++;
      new Connection(this, this.backend, socket);
    });
  }

  nextTs(): number {
    return ++this.ts;
  }

  answerOf(key: string): object | undefined {
    return this.answers.get(key);
  }

  keepAnswer(key: string, answer: object): void {
    this.answers.set(key, answer);
  }
}

class Connection {
  private sessionId = "";
  private version = { querySet: 0, identity: 0, ts: encodeTs(0) };
  private readonly queries = new Map<number, Query>();
  private readonly removed: number[] = [];

  constructor(
    private readonly server: SyncServer,
    private readonly backend: FakeBackend,
    private readonly socket: WebSocket,
  ) {
    const stop = backend.watch(() => setImmediate(() => this.transition()));
    socket.on("close", stop);
    socket.on("message", (data: Buffer) => this.receive(vMessage.parse(JSON.parse(data.toString("utf8")))));
  }

  private receive(message: Message): void {
    switch (message.type) {
      case "Connect":
        this.sessionId = message.sessionId;
        break;
      case "ModifyQuerySet":
        for (const change of message.modifications) {
          if (change.type === "Remove") {
            if (this.queries.delete(change.queryId)) this.removed.push(change.queryId);
          } else this.queries.set(change.queryId, { ...change, last: "" });
        }
        this.transition(message.newVersion);
        break;
      case "Mutation":
        this.mutate(message);
        break;
      case "Event":
        break;
    }
  }

  private mutate({ requestId, udfPath, args }: Extract<Message, { type: "Mutation" }>): void {
    const key = `${this.sessionId}/${requestId}`;
    const fault = this.server.fault(nameOf(udfPath));
    if (fault === "ignore") return;
    let answer = this.server.answerOf(key);
    if (answer === undefined) {
      const outcome = this.run(udfPath, args);
      answer =
        "value" in outcome
          ? { success: true, result: outcome.value, ts: encodeTs(this.server.nextTs()) }
          : { success: false, result: outcome.errorMessage, errorData: outcome.errorData };
      this.server.keepAnswer(key, answer);
    }
    if (fault === "drop") {
      this.socket.terminate();
      return;
    }
    this.send({ type: "MutationResponse", requestId, logLines: [], ...answer });
    this.transition();
  }

  /** Tells what has changed; the client also needs it, empty or not, to settle its mutations. */
  private transition(querySet = this.version.querySet): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    const startVersion = this.version;
    const endVersion = { ...startVersion, querySet, ts: encodeTs(this.server.nextTs()) };
    // Until it is told so, the client keeps what the query said last.
    const modifications: object[] = this.removed.splice(0).map((queryId) => ({ type: "QueryRemoved", queryId }));
    for (const [queryId, query] of this.queries) {
      const outcome = this.run(query.udfPath, query.args);
      if (JSON.stringify(outcome) === query.last) continue;
      query.last = JSON.stringify(outcome);
      const common = { queryId, logLines: [], journal: null };
      modifications.push({ type: "value" in outcome ? "QueryUpdated" : "QueryFailed", ...common, ...outcome });
    }
    this.version = endVersion;
    this.send({ type: "Transition", startVersion, endVersion, modifications });
  }

  private run(
    udfPath: string,
    args: JSONValue[],
  ): { value: JSONValue } | { errorMessage: string; errorData?: JSONValue } {
    const name = nameOf(udfPath);
    try {
      const decoded = jsonToConvex(args[0] ?? {});
      const problem = problemWithFields(WORKER_PROTOCOL[name].args, decoded, name);
      if (problem !== null) throw new Error(`ArgumentValidationError: ${problem}`);
      const run: (name: WorkerFunctionName, args: never) => unknown = this.backend.run.bind(this.backend);
      // The arguments have just been checked against the validators of exactly this function.
      return { value: convexToJson(run(name, decoded as never) as Value) };
    } catch (error) {
      if (error instanceof ConvexError) {
        return { errorMessage: "Uncaught ConvexError", errorData: convexToJson(error.data as Value) };
      }
      return { errorMessage: `[Request ID: 0] Server Error: ${String(error)}` };
    }
  }

  private send(message: object): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(JSON.stringify(message));
  }
}

function nameOf(udfPath: string): WorkerFunctionName {
  const name = udfPath.split(":")[1] ?? "";
  const found = (Object.keys(WORKER_PROTOCOL) as WorkerFunctionName[]).find((candidate) => candidate === name);
  if (found === undefined) throw new Error(`Could not find public function ${udfPath}`);
  return found;
}
