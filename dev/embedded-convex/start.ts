/** Starts an embedded Convex backend for a project, inside this process. What `main.ts`, the demo and the tests build on. */
import { AsyncLocalStorage } from "node:async_hooks";
import { createEngine } from "./engine/engine.js";
import type { Engine } from "./engine/types.js";
import { generateAdminKey } from "./server/auth/admin-key.js";
import { startServers } from "./server/servers.js";

export { PortTakenError } from "./server/http/listen.js";

export interface EmbeddedConvexOptions {
  /** Folder with `convex.json`. */
  projectDirectory: string;
  /** Where data lives between runs; null keeps it in memory. One process at a time may have it open. */
  dataDirectory: string | null;
  /** Port of the API. Default 0: any free one. */
  port?: number;
  /** Port of HTTP actions. Default 0: any free one. */
  sitePort?: number;
  /** The admin key. Default: a new random one. */
  adminKey?: string;
  /** Environment variables of the deployment, on top of those that were set in an earlier run. */
  env?: Record<string, string>;
  /** The largest file that can be uploaded, in bytes. Default: 1 GiB. */
  maxUploadBytes?: number;
  /** Gets what functions log and what goes wrong, a line at a time. Default: nothing is logged. */
  log?: (line: string) => void;
}

export interface EmbeddedConvex {
  /** What clients connect to, `http://127.0.0.1:<port>`. */
  cloudUrl: string;
  /** Where HTTP actions are. */
  siteUrl: string;
  adminKey: string;
  engine: Engine;
  /** Sets (or with `undefined` removes) an environment variable of the deployment, for every call from now on. */
  setEnv(name: string, value: string | undefined): Promise<void>;
  /** Ends connections (within 3 s), running functions and timers, and writes out what is not written yet. Can be called again. */
  close(): Promise<void>;
}

/**
 * Starts a backend that only this machine can reach.
 * @throws PortTakenError when a port is in use; what the engine throws when the project or its data cannot be opened.
 */
export async function startEmbeddedConvex(options: EmbeddedConvexOptions): Promise<EmbeddedConvex> {
  const { projectDirectory, dataDirectory, env, maxUploadBytes } = options;
  const log = outsideOfFunctions(options.log ?? (() => undefined));
  const adminKey = options.adminKey ?? generateAdminKey();
  const servers = await startServers({
    port: options.port ?? 0,
    sitePort: options.sitePort ?? 0,
    adminKey,
    log,
    ...(maxUploadBytes === undefined ? {} : { maxUploadBytes }),
    openEngine: async (urls) =>
      await createEngine({ projectDirectory, dataDirectory, ...urls, log, ...(env === undefined ? {} : { env }) }),
  });
  return { ...servers, adminKey };
}

/** Runs a listener as if nothing had called it: in a function's context, its own `console.log` would be another line of that function's log. */
function outsideOfFunctions(listener: (line: string) => void): (line: string) => void {
  const outside = AsyncLocalStorage.snapshot();
  return (line) => outside(listener, line);
}
