/** The embedded Convex backend as a process of its own, so that it can be killed the way real ones die. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../embedded-convex/main.ts", import.meta.url));
/** Bundling and evaluating the app takes seconds; a machine that is busy takes its time. */
const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 20_000;

export interface BackendOptions {
  projectDirectory: string;
  dataDirectory: string;
  /** 0 takes any free port. */
  port: number;
  sitePort: number;
}

export interface Backend {
  cloudUrl: string;
  siteUrl: string;
  adminKey: string;
  /** Ends the process in an orderly way. */
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

/** @throws an error with what the process said, when it ends before it is ready; exit code 3 means a port is taken */
export async function startBackend(options: BackendOptions): Promise<Backend> {
  const { projectDirectory, dataDirectory, port, sitePort } = options;
  const adminKeyFile = join(dataDirectory, "admin-key");
  const flags = ["--project", projectDirectory, "--data", dataDirectory, "--admin-key-file", adminKeyFile];
  const ports = ["--port", String(port), "--site-port", String(sitePort)];
  const child = spawn(
    process.execPath,
    // It ends with its standard input, so that nothing is left when the process that started it dies.
    ["--import", "tsx", MAIN, ...flags, ...ports, "--stop-with-stdin", "--quiet"],
    { cwd: projectDirectory, stdio: ["pipe", "pipe", "pipe"] },
  );
  const { cloudUrl, siteUrl } = await waitUntilReady(child);
  return {
    cloudUrl,
    siteUrl,
    adminKey: (await readFile(adminKeyFile, "utf8")).trim(),
    stop: async () => await end(child, "SIGTERM"),
    kill: async () => await end(child, "SIGKILL"),
  };
}

/** Sets environment variables of the deployment, as `npx convex env set` does. */
export async function setEnvironment(backend: Backend, variables: Record<string, string>): Promise<void> {
  const changes = Object.entries(variables).map(([name, value]) => ({ name, value }));
  const response = await fetch(`${backend.cloudUrl}/api/update_environment_variables`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Convex ${backend.adminKey}` },
    body: JSON.stringify({ changes }),
    signal: AbortSignal.timeout(STOP_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`The backend refused its environment: ${await response.text()}`);
}

/** What the backend said on its way down. */
export class BackendFailed extends Error {
  override name = "BackendFailed";
}

async function waitUntilReady(child: ChildProcess): Promise<{ cloudUrl: string; siteUrl: string }> {
  let complaints = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-4_000);
  });
  if (child.stdout === null) throw new BackendFailed("The backend has no standard output.");
  const lines = createInterface({ input: child.stdout });
  const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  try {
    return await new Promise((resolve, reject) => {
      lines.on("line", (line) => {
        const ready = parseReady(line);
        if (ready !== null) resolve(ready);
      });
      child.once("exit", () =>
        reject(new BackendFailed(complaints.trim() || "The backend ended before it was ready.")),
      );
      child.once("error", reject);
    });
  } finally {
    clearTimeout(timer);
  }
}

function parseReady(line: string): { cloudUrl: string; siteUrl: string } | null {
  let ready: unknown;
  try {
    ready = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof ready !== "object" || ready === null || !("cloudUrl" in ready) || !("siteUrl" in ready)) return null;
  const { cloudUrl, siteUrl } = ready;
  return typeof cloudUrl === "string" && typeof siteUrl === "string" ? { cloudUrl, siteUrl } : null;
}

async function end(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
