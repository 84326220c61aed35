/** The bundled worker as a process of its own, against a server on loopback. For tests. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { WORKER_ENVIRONMENT } from "../../../src/shared/worker-environment.js";
import type { OnTestFinished } from "./temporary.js";

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

export type WorkerProcess = {
  child: ChildProcess;
  exit: Promise<Exit>;
  stdout(): string;
  stderr(): string;
  health(): Promise<{ status: number; body: unknown }>;
};

/** Builds the worker into `directory` and returns the bundle's path. */
export async function buildWorker(directory: string): Promise<string> {
  const script = fileURLToPath(new URL("../../build.mjs", import.meta.url));
  await promisify(execFile)(process.execPath, [script, directory]);
  return join(directory, "main.mjs");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address: AddressInfo | string | null = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Starts the bundle with exactly `environment`: nothing of this process's own gets through. */
export function startProcess(
  bundle: string,
  environment: Record<string, string>,
  atEnd: OnTestFinished,
): Omit<WorkerProcess, "health"> {
  const child = spawn(process.execPath, [bundle], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (part: Buffer) => (output.stdout += part.toString("utf8")));
  child.stderr.on("data", (part: Buffer) => (output.stderr += part.toString("utf8")));
  // "close" comes when the output is complete too.
  const exit = new Promise<Exit>((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
  atEnd(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  return { child, exit, stdout: () => output.stdout, stderr: () => output.stderr };
}

/** A worker in a guest root of its own, as the local provider starts it. */
export async function startWorker(
  bundle: string,
  { root, url, credential }: { root: string; url: string; credential: string | null },
  atEnd: OnTestFinished,
  environment: Record<string, string> = {},
): Promise<WorkerProcess> {
  if (credential !== null) {
    await mkdir(join(root, "run/agent-factory"), { recursive: true });
    await writeFile(join(root, "run/agent-factory/enrollment-credential"), credential);
  }
  const port = await freePort();
  const started = startProcess(
    bundle,
    {
      [WORKER_ENVIRONMENT.convexUrl]: url,
      [WORKER_ENVIRONMENT.workerId]: "worker-1",
      [WORKER_ENVIRONMENT.guestRoot]: root,
      [WORKER_ENVIRONMENT.healthPort]: String(port),
      [WORKER_ENVIRONMENT.logLevel]: "debug",
      AGENT_FACTORY_ECHO_DELAY_MS: "0",
      ...environment,
    },
    atEnd,
  );
  const health = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`);
    return { status: response.status, body: await response.json() };
  };
  return { ...started, health };
}
