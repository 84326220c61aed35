/** The backend as a process of its own, as a developer starts it: to be asked by the CLI, and to be killed. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** Far above what a start takes, even on a machine that is busy. */
const START_TIMEOUT_MS = 30_000;

export interface ReadyLine {
  ready: true;
  cloudUrl: string;
  siteUrl: string;
  adminKeyFile: string | null;
  pid: number;
}

export class BackendProcess {
  stderr = "";
  stdout = "";
  readonly exited: Promise<unknown>;

  private constructor(private readonly child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.exited = once(child, "exit");
    child.stdout.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
  }

  static spawn(...flags: string[]): BackendProcess {
    const child = spawn(process.execPath, ["--import", "tsx", MAIN, ...flags], { stdio: ["pipe", "pipe", "pipe"] });
    return new BackendProcess(child);
  }

  /** Starts, and waits for the line that says where it is. */
  static async start(...flags: string[]): Promise<{ backend: BackendProcess; line: ReadyLine }> {
    const backend = BackendProcess.spawn(...flags);
    const end = Date.now() + START_TIMEOUT_MS;
    while (!backend.stdout.includes("\n")) {
      if (backend.child.exitCode !== null || Date.now() > end) {
        await backend.kill("SIGKILL");
        throw new Error(`The backend did not start: ${backend.stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { backend, line: JSON.parse(backend.stdout) as ReadyLine };
  }

  get exitCode(): number | null {
    return this.child.exitCode;
  }

  /** What happens when the program that started the backend is gone. Waits for its end. */
  async endInput(): Promise<void> {
    this.child.stdin.end();
    await this.exited;
  }

  async kill(signal: "SIGKILL" | "SIGTERM" | "SIGINT"): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill(signal);
    await this.exited;
  }
}
