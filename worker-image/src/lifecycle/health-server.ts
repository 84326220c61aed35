/** Answers `GET /healthz` for whoever watches the machine; says what the worker does, and nothing secret. */
import { createServer, type Server } from "node:http";
import { isIP, type AddressInfo } from "node:net";
import { ConfigError, type Environment } from "../config.js";
import { errorMessage } from "../logger.js";

export type HealthReport = {
  /** `enrolling`, `running`, `draining` or `stopping`. */
  state: string;
  runtime: string;
  runningConversations: number;
  backendConnected: boolean;
};

/** Fly gives a machine's address in its private network here; checks of the platform come from there. */
const PRIVATE_ADDRESS_VARIABLE = "FLY_PRIVATE_IP";

/** Loopback, and the private network where there is one. */
export function healthHosts(environment: Environment): string[] {
  const privateAddress = environment[PRIVATE_ADDRESS_VARIABLE]?.trim() ?? "";
  // A machine without a network of its own names loopback as its private address.
  return isIP(privateAddress) === 0 ? ["127.0.0.1"] : [...new Set(["127.0.0.1", privateAddress])];
}

/** A health check is a line of text; nobody needs longer for it. */
const REQUEST_TIMEOUT_MS = 5_000;

/**
 * Listens on `hosts` (loopback, and the private network's address where there is one; never on every interface).
 *
 * @param port 0 lets the system choose; with more than one host, the first one's choice is used for all
 * @throws ConfigError when the port of the first host cannot be used; that of another one is only reported
 */
export async function startHealthServer(
  hosts: readonly string[],
  port: number,
  report: () => HealthReport,
): Promise<{ port: number; unavailable: string[]; close: () => Promise<void> }> {
  const servers: Server[] = [];
  const close = async () => {
    await Promise.all(
      servers.map(async (server) => {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }),
    );
  };
  const unavailable: string[] = [];
  let actualPort = port;
  for (const host of hosts) {
    const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: 1 }, (request, response) => {
      const isKnown = request.url?.split("?")[0] === "/healthz";
      const isRead = request.method === "GET" || request.method === "HEAD";
      response.statusCode = !isKnown ? 404 : isRead ? 200 : 405;
      response.setHeader("content-type", "application/json");
      response.setHeader("cache-control", "no-store");
      response.end(response.statusCode === 200 ? JSON.stringify(report()) : undefined);
    });
    try {
      actualPort = await listen(server, host, actualPort);
      servers.push(server);
    } catch (error) {
      const problem = `The health endpoint cannot listen on ${host} port ${actualPort}: ${errorMessage(error)}.`;
      if (servers.length === 0) throw new ConfigError(problem);
      unavailable.push(problem);
      continue;
    }
    // It must not keep a worker alive that has nothing else to do.
    server.unref();
  }
  return { port: actualPort, unavailable, close };
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address: AddressInfo | string | null = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
