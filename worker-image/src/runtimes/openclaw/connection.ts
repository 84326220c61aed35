/** A WebSocket to the gateway: the handshake, calls with a time limit, and events as they come. */
import { WebSocket, type RawData } from "ws";
import { parseJson } from "../../files.js";
import { withTimeout } from "../../timing.js";
import { connectParameters, vFrame } from "./protocol.js";

/** The connection is gone; whether a call that had no answer was carried out is unknown. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

/** The gateway refuses a call. The message is OpenClaw's, for the log. */
export class CallRefused extends Error {
  override readonly name = "CallRefused";

  constructor(
    readonly code: string,
    message: string,
    /** What came with the refusal. */
    readonly payload: unknown,
  ) {
    super(message);
  }
}

/**
 * A gateway that has just become ready goes on loading, and on a very busy computer lets nobody in meanwhile. OpenClaw gives
 * both sides 15 s by default; it is told this number as well.
 */
export const HANDSHAKE_TIMEOUT_MS = 45_000;
/** One frame: a tool's result with a picture in it, and the history of a long conversation, fit well. */
const MAX_FRAME_BYTES = 32 * 1024 * 1024;

export type CallOptions = {
  /** In ms. */
  timeoutMs: number;
  /** Whether an answer is the last one; of the others there are none when left out. */
  isLast?: (payload: unknown) => boolean;
};

type Pending = {
  resolve: (payload: unknown) => void;
  reject: (error: Error) => void;
  isLast: (payload: unknown) => boolean;
};

export class GatewayConnection {
  private readonly pending = new Map<string, Pending>();
  private lastId = 0;
  private isClosed = false;
  private isAdmitted = false;
  private readonly admitted: Promise<void>;
  private admit: { resolve: () => void; reject: (error: Error) => void } = { resolve: () => {}, reject: () => {} };

  private constructor(
    private readonly socket: WebSocket,
    private readonly token: string,
    private readonly onEvent: (event: string, payload: unknown) => void,
  ) {
    this.admitted = new Promise((resolve, reject) => {
      this.admit = { resolve, reject };
    });
    this.admitted.catch(() => {});
    socket.on("message", (data) => this.receive(data));
    socket.on("error", () => this.end());
    socket.on("close", () => this.end());
  }

  /** @throws ConnectionLost, CallRefused */
  static async open(
    { port, token }: { port: number; token: string },
    onEvent: (event: string, payload: unknown) => void,
  ): Promise<GatewayConnection> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, {
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
    });
    const connection = new GatewayConnection(socket, token, onEvent);
    const late = () => new ConnectionLost(`OpenClaw let nobody in within ${HANDSHAKE_TIMEOUT_MS / 1_000} seconds.`);
    try {
      await withTimeout(connection.admitted, HANDSHAKE_TIMEOUT_MS, late);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  get isOpen(): boolean {
    return this.isAdmitted && !this.isClosed;
  }

  /** @throws ConnectionLost also when there is no answer in time, CallRefused */
  async call(method: string, params: object, { timeoutMs, isLast = () => true }: CallOptions): Promise<unknown> {
    if (this.isClosed) throw new ConnectionLost("The connection to OpenClaw is closed.");
    const id = String(++this.lastId);
    const answer = new Promise<unknown>((resolve, reject) => this.pending.set(id, { resolve, reject, isLast }));
    this.socket.send(JSON.stringify({ type: "req", id, method, params }), () => {});
    const late = () =>
      new ConnectionLost(`OpenClaw did not answer ${method} within ${Math.round(timeoutMs / 1_000)} s.`);
    try {
      return await withTimeout(answer, timeoutMs, late);
    } finally {
      this.pending.delete(id);
    }
  }

  close(): void {
    // Not the polite way: after a crash or a suspension nobody is there to agree.
    this.socket.terminate();
    this.end();
  }

  private receive(data: RawData): void {
    const parsed = vFrame.safeParse(parseJson(textOf(data)));
    // Newer gateways may say more than is known here.
    if (!parsed.success) return;
    const frame = parsed.data;
    if (frame.type === "event") {
      if (frame.event === "connect.challenge") void this.introduce();
      else this.onEvent(frame.event, frame.payload);
      return;
    }
    const pending = this.pending.get(frame.id);
    if (pending === undefined) return;
    if (!frame.ok) {
      const { code, message } = frame.error ?? { code: "unknown", message: "OpenClaw gave no reason." };
      pending.reject(new CallRefused(code, message, frame.payload));
    } else if (pending.isLast(frame.payload)) pending.resolve(frame.payload);
  }

  private async introduce(): Promise<void> {
    try {
      await this.call("connect", connectParameters(this.token), { timeoutMs: HANDSHAKE_TIMEOUT_MS });
      this.isAdmitted = true;
      this.admit.resolve();
    } catch (error) {
      this.admit.reject(error instanceof Error ? error : new ConnectionLost("OpenClaw does not let the worker in."));
    }
  }

  private end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const lost = new ConnectionLost("The connection to OpenClaw broke.");
    this.admit.reject(lost);
    for (const { reject } of this.pending.values()) reject(lost);
    this.pending.clear();
  }
}

function textOf(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString("utf8");
  return (Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)).toString("utf8");
}
