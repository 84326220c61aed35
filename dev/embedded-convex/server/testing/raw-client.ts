/** A client that says exactly what a test wants it to say over the sync protocol, and keeps all it is told. */
import { once } from "node:events";
import { expect } from "vitest";
import { WebSocket } from "ws";
import { textOf } from "../sync/frames.js";
import { eventually } from "./eventually.js";

export interface ServerMessage {
  type: string;
  [field: string]: unknown;
}

export class RawClient {
  readonly messages: ServerMessage[] = [];
  closed: { code: number; reason: string } | null = null;

  constructor(readonly socket: WebSocket) {
    socket.on("message", (data) => this.messages.push(JSON.parse(textOf(data)) as ServerMessage));
    socket.on("close", (code, reason) => (this.closed = { code, reason: String(reason) }));
  }

  send(message: object | string): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** All messages of one type, once there are `count`. */
  async received(type: string, count = 1): Promise<ServerMessage[]> {
    const matching = () => this.messages.filter((message) => message.type === type);
    await eventually(() => expect(matching().length).toBeGreaterThanOrEqual(count));
    return matching();
  }
}

export async function connectRawClient(cloudUrl: string, version = "1.48.0"): Promise<RawClient> {
  const client = new RawClient(new WebSocket(`${cloudUrl.replace("http", "ws")}/api/${version}/sync`));
  await once(client.socket, "open");
  const sessionId = crypto.randomUUID();
  client.send({ type: "Connect", sessionId, connectionCount: 0, lastCloseReason: null, clientTs: Date.now() });
  return client;
}
