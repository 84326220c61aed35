/** A peer that speaks the gateway's protocol the way a test says, for faults that the real one cannot be brought to. */
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import { z } from "zod";
import { parseJson } from "../../../files.js";

const vCall = z.object({ type: z.literal("req"), id: z.string(), method: z.string(), params: z.looseObject({}) });
export type Call = z.infer<typeof vCall>;

/** One side of a connection. */
export type Peer = {
  /** Answers a call; may be done more than once. */
  answer(call: Call, payload: unknown): void;
  refuse(call: Call, message: string, payload?: unknown): void;
  event(event: string, payload: unknown): void;
  raw(text: string): void;
  /** Breaks the connection. */
  cut(): void;
};

export class ScriptedGateway {
  readonly calls: Call[] = [];
  connections = 0;
  token = "token-of-the-gateway";
  /** Whether connections are greeted at all. */
  greets = true;
  private port = 0;
  private readonly server = new WebSocketServer({ host: "127.0.0.1", port: 0 });

  /** @param script is asked for every call but `connect` */
  constructor(private readonly script: (call: Call, peer: Peer) => void) {}

  static async start(
    atEnd: (stop: () => Promise<void>) => void,
    script: (call: Call, peer: Peer) => void,
  ): Promise<ScriptedGateway> {
    const gateway = new ScriptedGateway(script);
    await new Promise<void>((resolve) => gateway.server.once("listening", () => resolve()));
    const address: AddressInfo | string | null = gateway.server.address();
    if (typeof address === "object" && address !== null) gateway.port = address.port;
    gateway.server.on("connection", (socket) => gateway.serve(socket));
    atEnd(() => gateway.stop());
    return gateway;
  }

  get address(): { port: number; token: string } {
    return { port: this.port, token: "token-of-the-gateway" };
  }

  callsOf(method: string): Call[] {
    return this.calls.filter((call) => call.method === method);
  }

  async stop(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(socket: WebSocket): void {
    this.connections++;
    const send = (frame: object) => socket.send(JSON.stringify(frame));
    const peer: Peer = {
      answer: ({ id }, payload) => send({ type: "res", id, ok: true, payload }),
      refuse: ({ id }, message, payload) =>
        send({ type: "res", id, ok: false, payload, error: { code: "UNAVAILABLE", message } }),
      event: (event, payload) => send({ type: "event", event, payload }),
      raw: (text) => socket.send(text),
      cut: () => socket.terminate(),
    };
    if (this.greets) peer.event("connect.challenge", { nonce: "n", ts: 1 });
    socket.on("message", (data: Buffer) => {
      const call = vCall.parse(parseJson(data.toString("utf8")));
      this.calls.push(call);
      if (call.method !== "connect") this.script(call, peer);
      else if (this.accepts(call)) peer.answer(call, { type: "hello-ok", protocol: 4 });
      else peer.refuse(call, "unauthorized");
    });
  }

  private accepts({ params }: Call): boolean {
    const auth = z.object({ token: z.string() }).safeParse(params["auth"]);
    return auth.success && auth.data.token === this.token;
  }
}
