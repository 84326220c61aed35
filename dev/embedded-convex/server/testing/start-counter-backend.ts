/** Servers over the counter engine, and stock clients for them, closed together at the end of a test. */
import { ConvexClient, ConvexHttpClient, type ConvexClientOptions } from "convex/browser";
import { WebSocket } from "ws";
import { generateAdminKey } from "../auth/admin-key.js";
import { startServers, type Servers } from "../servers.js";
import { makeCounterEngine, type CounterEngine } from "./counter-engine.js";

export interface CounterBackend extends Servers {
  engine: CounterEngine;
  adminKey: string;
  httpClient(): ConvexHttpClient;
  /** A client over a WebSocket; `sockets` are all it opened, the newest last. */
  liveClient(options?: ConvexClientOptions): { client: ConvexClient; sockets: WebSocket[] };
}

export async function startCounterBackend(options: { maxUploadBytes?: number } = {}): Promise<CounterBackend> {
  const engine = makeCounterEngine();
  const adminKey = generateAdminKey();
  const clients: ConvexClient[] = [];
  const servers = await startServers({
    port: 0,
    sitePort: 0,
    adminKey,
    openEngine: async () => engine,
    log: () => undefined,
    ...options,
  });
  return {
    ...servers,
    engine,
    adminKey,
    httpClient: () => new ConvexHttpClient(servers.cloudUrl, { logger: false }),
    liveClient: (clientOptions) => {
      const opened = recordingConstructor();
      const client = new ConvexClient(servers.cloudUrl, {
        webSocketConstructor: opened.constructor,
        logger: false,
        ...clientOptions,
      });
      clients.push(client);
      return { client, sockets: opened.sockets };
    },
    close: async () => {
      await Promise.all(clients.map(async (client) => await client.close()));
      await servers.close();
    },
  };
}

/** The WebSocket of ws, keeping what it makes, so that a test can break a connection from below. */
export function recordingConstructor(): { constructor: typeof globalThis.WebSocket; sockets: WebSocket[] } {
  const sockets: WebSocket[] = [];
  class RecordedWebSocket extends WebSocket {
    constructor(address: string | URL) {
      super(address);
      sockets.push(this);
    }
  }
  // ws implements the browser's interface as far as the clients use it; the two declarations differ in details of events.
  return { constructor: RecordedWebSocket as unknown as typeof globalThis.WebSocket, sockets };
}
