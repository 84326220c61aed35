/** The demo's ports: their defaults, how to choose others, and a plain word when one is taken. */
import { createServer } from "node:net";

/** Next's default, Convex's own for a local deployment, and that of Fly's internal API. */
export const DEFAULT_PORTS = { app: 3000, convex: 3210, site: 3211, fly: 4280 } as const;

export type Ports = Record<keyof typeof DEFAULT_PORTS, number>;

export const PORT_FLAGS = { app: "port", convex: "convex-port", site: "site-port", fly: "fly-port" } as const;

const WHAT_FOR = { app: "the example app", convex: "Convex", site: "HTTP actions", fly: "the Machines API" } as const;

/** Says which port cannot be used, and what to do. */
export class PortProblem extends Error {
  override name = "PortProblem";
}

const NAMES = ["app", "convex", "site", "fly"] as const;

/** @throws {PortProblem} for a flag that is not a port number */
export function readPorts(flags: Record<(typeof PORT_FLAGS)[keyof Ports], string | undefined>): Ports {
  const read = (name: keyof Ports): number => {
    const text = flags[PORT_FLAGS[name]];
    if (text === undefined) return DEFAULT_PORTS[name];
    const port = Number(text);
    if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
    throw new PortProblem(`--${PORT_FLAGS[name]} ${text} is not a port number (0 to 65535; 0 takes any free one).`);
  };
  return { app: read("app"), convex: read("convex"), site: read("site"), fly: read("fly") };
}

/** Looks before anything is started, so that a demo which cannot run leaves nothing to clean up. @throws {PortProblem} */
export async function requireFreePorts(ports: Ports): Promise<void> {
  for (const name of NAMES) {
    if (ports[name] === 0 || (await isFree(ports[name]))) continue;
    throw new PortProblem(
      `Port ${ports[name]}, which ${WHAT_FOR[name]} would use, is taken. Stop the program that has it (another demo?), ` +
        `or choose another one: npm run demo -- --${PORT_FLAGS[name]} 0`,
    );
  }
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
