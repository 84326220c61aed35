/** Serves the example app on this machine against a given Convex deployment. */
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { PortTakenError } from "../embedded-convex/server/http/listen.js";
import { ensureNextBuild } from "./next-build.js";
import { EXAMPLE_FOLDER, NextProcess } from "./next-process.js";

export interface NextAppOptions {
  /** The deployment the pages connect to. */
  convexUrl: string;
  /** On 127.0.0.1; 0 takes any free one. */
  port: number;
  /** `production` builds first (once, until something changes); `development` compiles pages as they are asked for. */
  mode: "development" | "production";
}

export interface NextApp {
  url: string;
  /** Ends the server and everything it started; repeating it is harmless. */
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
/** Starting takes about a second; the first page of a development server takes several more to compile. */
const START_TIMEOUT_MS = 2 * 60_000;
const POLL_INTERVAL_MS = 200;
const POLL_TIMEOUT_MS = 30_000;

/**
 * Resolves when the pages answer.
 *
 * @throws PortTakenError; Error with what Next.js printed when it cannot be built or started.
 */
export async function startNextApp({ convexUrl, port, mode }: NextAppOptions): Promise<NextApp> {
  // Before the build, so that nobody waits for it only to hear that the port is taken.
  const chosenPort = await findPort(port);
  if (mode === "production") await ensureNextBuild();
  const command = mode === "production" ? "start" : "dev";
  const server = NextProcess.start([command, EXAMPLE_FOLDER, "--hostname", HOST, "--port", String(chosenPort)], {
    NEXT_PUBLIC_CONVEX_URL: convexUrl,
  });
  const url = `http://${HOST}:${chosenPort}`;
  try {
    await waitUntilServing(url, server);
  } catch (error) {
    await server.close();
    throw error;
  }
  return { url, close: async () => await server.close() };
}

/** Next.js exits with a stack trace when its port is taken; this says it in a sentence. */
async function findPort(port: number): Promise<number> {
  const probe = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      probe.once("error", reject);
      probe.listen(port, HOST, () => {
        const address = probe.address();
        if (address === null || typeof address === "string") reject(new Error("The probe has no port."));
        else resolve(address.port);
      });
    });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
      throw new PortTakenError(port, "Stop the program that uses it, or choose another port; 0 takes any free one.");
    }
    throw error;
  } finally {
    await new Promise((resolve) => probe.close(resolve));
  }
}

async function waitUntilServing(url: string, server: NextProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let lastProblem = "it did not answer";
  while (Date.now() < deadline) {
    if (server.hasExited) throw new Error(`Next.js ended while starting:\n${server.output}`);
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(POLL_TIMEOUT_MS) });
      await response.arrayBuffer();
      if (response.ok) return;
      lastProblem = `it answered with status ${response.status}`;
    } catch (error) {
      lastProblem = error instanceof Error ? error.message : String(error);
    }
    await sleep(POLL_INTERVAL_MS);
  }
  throw new Error(`Next.js was not ready after ${START_TIMEOUT_MS / 1000} s (${lastProblem}):\n${server.output}`);
}
