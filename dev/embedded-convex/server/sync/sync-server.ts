/** The WebSocket endpoint: accepts sockets, keeps them alive, notices dead ones, and gives each its session. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { MAX_CALL_BYTES } from "../http/body.js";
import { textOf } from "./frames.js";
import { Outbox } from "./outbox.js";
import { SyncSession, type CloseCode, type SessionDependencies } from "./session.js";

/** Clients give up on a silent server after 60 s, and expect a sign of life every 15 s. */
const PING_INTERVAL_MS = 15_000;
/** A client that has not even answered a WebSocket ping for so long is gone: the same bound as Convex's. */
const CLIENT_TIMEOUT_MS = 120_000;
/** A client that reads nothing for so long while data waits for it does not read any more. */
const STALL_TIMEOUT_MS = 60_000;
/** After a close frame, how long the other side has for its own. */
const CLOSE_GRACE_MS = 2_000;
const MAX_SOCKETS = 1_000;
/** One message may carry the arguments of several queries when a client reconnects. */
const MAX_FRAME_BYTES = 2 * MAX_CALL_BYTES;

const SYNC_PATH = /^\/api\/(?:([^/?]+)\/)?sync(?:\?.*)?$/;
/** The first npm client that can put split transitions together again. */
const FIRST_WITH_CHUNKS = [1, 28];

export class SyncServer {
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false });
  readonly #sockets = new Set<WebSocket>();
  #closing = false;

  constructor(private readonly dependencies: SessionDependencies) {}

  /** How many clients are connected. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Takes over a connection that asks to become a WebSocket. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const match = SYNC_PATH.exec(request.url ?? "");
    if (match === null || this.#closing || this.#sockets.size >= MAX_SOCKETS) {
      const status = match === null ? "404 Not Found" : "503 Service Unavailable";
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, match[1]));
  }

  /** Tells every client to come back later, and waits until their sockets are closed (at most 2 s). */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(
      [...this.#sockets].map(async (socket) => await closeSocket(socket, 1001, "The backend is stopping")),
    );
    this.#server.close();
  }

  #accept(socket: WebSocket, clientVersion: string | undefined): void {
    this.#sockets.add(socket);
    const close = (code: CloseCode, reason: string) => void closeSocket(socket, code, reason);
    const outbox = new Outbox(socket, {
      supportsChunks: supportsChunks(clientVersion),
      onOverflow: () => {
        session.close();
        close(1013, "TooManyConcurrentRequests: the client does not read what it is sent");
      },
    });
    const session = new SyncSession(
      {
        send: (message) => outbox.send(message),
        sendTransition: (json) => outbox.sendTransition(json),
        ready: async () => await outbox.ready(),
        close,
      },
      this.dependencies,
    );

    let lastReceived = Date.now();
    const ping = setInterval(() => {
      if (Date.now() - lastReceived > CLIENT_TIMEOUT_MS || outbox.stalledForMs > STALL_TIMEOUT_MS) {
        socket.terminate();
        return;
      }
      outbox.send({ type: "Ping" });
      socket.ping();
    }, PING_INTERVAL_MS);

    socket.on("message", (data, isBinary) => {
      lastReceived = Date.now();
      // A binary frame is no JSON of this protocol, and is refused as such.
      session.receive(isBinary ? "" : textOf(data));
    });
    socket.on("pong", () => (lastReceived = Date.now()));
    // Frames that break the WebSocket protocol itself; ws closes the socket with the fitting code.
    socket.on("error", (error) => this.dependencies.log(`A sync socket broke: ${error.message}`));
    socket.on("close", () => {
      clearInterval(ping);
      this.#sockets.delete(socket);
      session.close();
      outbox.close();
    });
  }
}

function supportsChunks(clientVersion: string | undefined): boolean {
  const [, major, minor] = /^(?:npm-)?(\d+)\.(\d+)\./.exec(clientVersion ?? "") ?? [];
  if (major === undefined || minor === undefined) return false;
  const [firstMajor = 0, firstMinor = 0] = FIRST_WITH_CHUNKS;
  return Number(major) > firstMajor || (Number(major) === firstMajor && Number(minor) >= firstMinor);
}

async function closeSocket(socket: WebSocket, code: CloseCode, reason: string): Promise<void> {
  if (socket.readyState === socket.CLOSED) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => socket.terminate(), CLOSE_GRACE_MS);
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    // Behind whatever is still to be sent, such as the error that explains the closing.
    socket.close(code, reason);
  });
}
