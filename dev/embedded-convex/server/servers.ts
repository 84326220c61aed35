/** Puts the servers of an embedded backend together: two ports, one engine behind them. */
import type { Engine } from "../engine/types.js";
import { handleCloudRequest } from "./api/cloud.js";
import { CommitHistory } from "./api/commit-history.js";
import { makeFunctionEndpoints } from "./api/functions.js";
import { handleSiteRequest } from "./api/site.js";
import { DEFAULT_MAX_UPLOAD_BYTES } from "./api/storage.js";
import { Authenticator } from "./auth/authenticator.js";
import { FunctionRunner } from "./functions/function-runner.js";
import { HttpError } from "./http/http-error.js";
import { listenOnLoopback, type ListenerHandlers, type LoopbackListener } from "./http/listen.js";
import { IPV4_LOOPBACK } from "./http/loopback.js";
import { sendError } from "./http/respond.js";
import { LiveQueries } from "./sync/live-queries.js";
import { MutationLog } from "./sync/mutation-log.js";
import { SyncServer } from "./sync/sync-server.js";

/** What requests get to finish when the servers are closed. */
const CLOSE_GRACE_MS = 3_000;

export interface ServersOptions {
  /** Of the API; 0 takes any free one. */
  port: number;
  /** Of HTTP actions; 0 takes any free one. */
  sitePort: number;
  adminKey: string;
  /** Called once, when both ports are known; the engine tells functions these URLs. */
  openEngine: (urls: { cloudUrl: string; siteUrl: string }) => Promise<Engine>;
  /** The largest file that can be uploaded. Default: 1 GiB. */
  maxUploadBytes?: number;
  log: (line: string) => void;
}

export interface Servers {
  cloudUrl: string;
  siteUrl: string;
  engine: Engine;
  /** Sets (or with `undefined` removes) a variable, and runs every watched query again. */
  setEnv(name: string, value: string | undefined): Promise<void>;
  /** How many clients and different queries the sync server holds. */
  syncLoad(): { sockets: number; queries: number };
  /** Ends connections, the engine and the ports, in this order. */
  close(): Promise<void>;
}

/**
 * Opens both ports on the loopback addresses, then the engine.
 * @throws PortTakenError, or what `openEngine` throws; the ports are closed again then.
 */
export async function startServers(options: ServersOptions): Promise<Servers> {
  // The engine needs the URLs before it exists, so the ports are opened first and answer "not yet" until it does.
  const cloud = new SwitchableHandlers();
  const site = new SwitchableHandlers();
  const listeners: LoopbackListener[] = [];
  try {
    const cloudListener = await listenOnLoopback(options.port, cloud.handlers);
    listeners.push(cloudListener);
    const siteListener = await listenOnLoopback(options.sitePort, site.handlers);
    listeners.push(siteListener);
    const cloudUrl = `http://${IPV4_LOOPBACK}:${cloudListener.port}`;
    const siteUrl = `http://${IPV4_LOOPBACK}:${siteListener.port}`;
    const engine = await options.openEngine({ cloudUrl, siteUrl });
    return serve(options, engine, { cloudUrl, siteUrl }, { cloud, site, listeners });
  } catch (error) {
    await Promise.all(listeners.map(async (listener) => await listener.close(0)));
    throw error;
  }
}

function serve(
  options: ServersOptions,
  engine: Engine,
  urls: { cloudUrl: string; siteUrl: string },
  ports: { cloud: SwitchableHandlers; site: SwitchableHandlers; listeners: LoopbackListener[] },
): Servers {
  const { log } = options;
  const authenticator = new Authenticator(engine, options.adminKey);
  const runner = new FunctionRunner(engine, urls, log);
  const liveQueries = new LiveQueries(engine, runner);
  const history = new CommitHistory(engine);
  const sync = new SyncServer({ authenticator, runner, liveQueries, mutationLog: new MutationLog(), log });
  const cloudDependencies = {
    engine,
    authenticator,
    functions: makeFunctionEndpoints(runner, history, () => engine.latestTs()),
    maxUploadBytes: options.maxUploadBytes ?? DEFAULT_MAX_UPLOAD_BYTES,
    onEnvironmentChange: () => liveQueries.invalidateAll(),
    log,
  };
  ports.cloud.set({
    onRequest: (request, response) => void handleCloudRequest(cloudDependencies, request, response),
    onUpgrade: (request, socket, head) => sync.handleUpgrade(request, socket, head),
  });
  ports.site.set({
    onRequest: (request, response) => void handleSiteRequest({ engine, authenticator, log }, request, response),
  });

  const close = async () => {
    await sync.close();
    await Promise.all(ports.listeners.map(async (listener) => await listener.close(CLOSE_GRACE_MS)));
    liveQueries.close();
    history.close();
    await engine.close();
  };
  let closing: Promise<void> | null = null;
  return {
    ...urls,
    engine,
    setEnv: async (name, value) => {
      await engine.env.set(name, value);
      liveQueries.invalidateAll();
    },
    syncLoad: () => ({ sockets: sync.size, queries: liveQueries.size }),
    close: async () => await (closing ??= close()),
  };
}

/** Handlers that can be put in after a port was opened; until then it says that it is starting. */
class SwitchableHandlers {
  #current: ListenerHandlers = {
    onRequest: (request, response) => {
      response.setHeader("Retry-After", "1");
      sendError(request, response, new HttpError(503, "Starting", "The backend is starting. Try again in a second."));
    },
    onUpgrade: (_request, socket) => {
      socket.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    },
  };

  readonly handlers: Required<ListenerHandlers> = {
    onRequest: (request, response) => this.#current.onRequest(request, response),
    onUpgrade: (request, socket, head) => {
      if (this.#current.onUpgrade !== undefined) this.#current.onUpgrade(request, socket, head);
      else socket.end("HTTP/1.1 426 Upgrade Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    },
  };

  set(handlers: ListenerHandlers): void {
    this.#current = handlers;
  }
}
