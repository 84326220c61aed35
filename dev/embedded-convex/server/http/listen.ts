/** Opening a port on this machine's loopback addresses, and on nothing else. */
import { createServer, type RequestListener, type Server } from "node:http";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { IncomingMessage } from "node:http";
import { IPV4_LOOPBACK, IPV6_LOOPBACK, isLoopbackHost } from "./loopback.js";
import { sendError } from "./respond.js";
import { HttpError } from "./http-error.js";

/** What a client may take, in milliseconds. */
export interface ListenerTimeouts {
  /** For the headers: they come in one packet from an honest client, and a slow one must not hold a connection. */
  headers: number;
  /** For the whole request. */
  request: number;
  /** How often both are enforced. */
  check: number;
}

/** The request's is a little over the two minutes that an upload may take, which has its own, exact limit. */
const DEFAULT_TIMEOUTS: ListenerTimeouts = { headers: 10_000, request: 130_000, check: 5_000 };
/** Longer than the pauses between a page's requests, so that they share connections. */
const KEEP_ALIVE_MS = 15_000;
/** One developer's browsers, workers and tests stay far below; a leak in one of them does not exhaust file descriptors. */
const MAX_CONNECTIONS = 4_096;
/** How often a free port is tried that must be free on both address families. */
const FREE_PORT_ATTEMPTS = 20;

/** The port is in use by another program. */
export class PortTakenError extends Error {
  override readonly name = "PortTakenError";

  constructor(
    readonly port: number,
    /** What to do about it. */
    readonly hint: string,
  ) {
    super(`Port ${port} is already in use. ${hint}`);
  }
}

export interface LoopbackListener {
  port: number;
  /** Closes the port at once; connections get `graceMs` to finish what they do, then they are cut. */
  close(graceMs: number): Promise<void>;
}

export interface ListenerHandlers {
  onRequest: RequestListener;
  onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/**
 * Listens on 127.0.0.1 and, where the machine has it, on ::1, because `localhost` may mean either.
 * @param port 0 means any port that is free on both.
 * @throws PortTakenError
 */
export async function listenOnLoopback(
  port: number,
  handlers: ListenerHandlers,
  timeouts: ListenerTimeouts = DEFAULT_TIMEOUTS,
): Promise<LoopbackListener> {
  for (let attempt = 1; ; attempt++) {
    const first = makeServer(handlers, timeouts);
    await bind(first, port, IPV4_LOOPBACK);
    const boundPort = portOf(first);
    const second = makeServer(handlers, timeouts);
    try {
      await bind(second, boundPort, IPV6_LOOPBACK);
      return makeListener(boundPort, [first, second]);
    } catch (error) {
      if (!(error instanceof PortTakenError)) return makeListener(boundPort, [first]);
      await closeServer(first, 0);
      if (port !== 0 || attempt >= FREE_PORT_ATTEMPTS) throw error;
    }
  }
}

function makeServer(handlers: ListenerHandlers, timeouts: ListenerTimeouts): Server {
  const server = createServer(
    {
      headersTimeout: timeouts.headers,
      requestTimeout: timeouts.request,
      connectionsCheckingInterval: timeouts.check,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Makes Node refuse requests without a Host header, which HTTP/1.1 demands.
      requireHostHeader: true,
    },
    (request, response) => {
      if (!isLoopbackHost(request.headers.host)) {
        sendError(request, response, notThisMachine());
        return;
      }
      handlers.onRequest(request, response);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on("upgrade", (request, socket, head) => {
    if (handlers.onUpgrade === undefined || !isLoopbackHost(request.headers.host)) {
      socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    handlers.onUpgrade(request, socket, head);
  });
  return server;
}

function notThisMachine(): HttpError {
  return new HttpError(
    403,
    "ForbiddenHost",
    "This development backend only answers requests that are addressed to localhost, 127.0.0.1 or [::1].",
  );
}

async function bind(server: Server, port: number, host: string): Promise<void> {
  const listening = once(server, "listening");
  server.listen({ port, host, exclusive: true, ipv6Only: host === IPV6_LOOPBACK });
  try {
    await listening;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
      throw new PortTakenError(port, "Stop the program that uses it, or choose another port; 0 takes any free one.");
    }
    throw error;
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port although it listens.");
  return address.port;
}

function makeListener(port: number, servers: Server[]): LoopbackListener {
  return {
    port,
    close: async (graceMs) => {
      await Promise.all(servers.map((server) => closeServer(server, graceMs)));
    },
  };
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
