/** How a socket's outbox treats clients that do not read. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { textOf } from "./frames.js";
import { eventually } from "../testing/eventually.js";
import { Outbox } from "./outbox.js";

let http: Server;
let server: WebSocketServer;
let client: WebSocket;
let socket: WebSocket;
let overflows: number;

beforeEach(async () => {
  http = createServer().listen(0, "127.0.0.1");
  await once(http, "listening");
  server = new WebSocketServer({ server: http });
  const address = http.address();
  client = new WebSocket(`ws://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
  [socket] = (await once(server, "connection")) as [WebSocket];
  await once(client, "open");
  overflows = 0;
});
afterEach(() => {
  client.terminate();
  server.close();
  http.close();
});

const outboxFor = (supportsChunks: boolean) => new Outbox(socket, { supportsChunks, onOverflow: () => overflows++ });

describe("an outbox", () => {
  it("lets transitions wait while the client does not read, and goes on when it does", async () => {
    const outbox = outboxFor(true);
    client.pause();
    let isReady = false;
    // More than the buffers of two kernels hold.
    for (let count = 0; count < 20; count++) outbox.send({ text: "x".repeat(1024 * 1024) });
    void outbox.ready().then(() => (isReady = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isReady).toBe(false);
    expect(outbox.stalledForMs).toBeGreaterThan(0);
    client.resume();
    await eventually(() => expect(isReady).toBe(true));
    await eventually(() => expect(outbox.stalledForMs).toBe(0));
    expect(overflows).toBe(0);
  });

  it("gives up on a client that never reads", () => {
    const outbox = outboxFor(true);
    client.pause();
    for (let count = 0; count < 100 && overflows === 0; count++) outbox.send({ text: "x".repeat(1024 * 1024) });
    expect(overflows).toBe(1);
  });

  it("stops waiting when the socket is closed", async () => {
    const outbox = outboxFor(true);
    client.pause();
    for (let count = 0; count < 20; count++) outbox.send({ text: "x".repeat(1024 * 1024) });
    const ready = outbox.ready();
    socket.terminate();
    outbox.close();
    await ready;
  });

  it.each([true, false])(
    "splits large transitions only for clients that can join them (%s)",
    async (supportsChunks) => {
      const frames: string[] = [];
      client.on("message", (data) => frames.push(textOf(data)));
      const json = JSON.stringify({ type: "Transition", text: 'ä"😀'.repeat(1_200_000) });
      outboxFor(supportsChunks).sendTransition(json);
      await eventually(() => {
        const parsed = frames.map(
          (frame) => JSON.parse(frame) as { type: string; chunk?: string; totalParts?: number },
        );
        expect(parsed).toHaveLength(parsed[0]?.totalParts ?? 1);
        const joined = supportsChunks ? parsed.map(({ chunk }) => chunk).join("") : frames.join("");
        expect(joined === json).toBe(true);
      });
      expect(frames.length > 1).toBe(supportsChunks);
    },
  );
});
