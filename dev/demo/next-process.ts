/** Runs Next.js for the example as a process group of its own: started cleanly, ended completely. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export const REPOSITORY_ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const EXAMPLE_FOLDER = "example";

/** What a server gets to finish its requests before it is killed. */
const TERMINATION_GRACE_MS = 3_000;
/** Enough to see why it failed, bounded whatever it prints. */
const KEPT_OUTPUT_CHARACTERS = 8_000;

export class NextProcess {
  readonly exited: Promise<number | null>;
  #output = "";
  #hasExited = false;

  private constructor(private readonly child: ChildProcess) {
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString("utf8")).slice(-KEPT_OUTPUT_CHARACTERS);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    this.exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        this.#hasExited = true;
        resolve(code);
      });
    });
    // Whoever starts it also awaits `exited` or closes it; a failure in between must not end the program.
    this.exited.catch(() => undefined);
  }

  /** `args` are those of the `next` command, e.g. `["build", "example"]`. */
  static start(args: readonly string[], environment: Record<string, string>): NextProcess {
    const next = createRequire(import.meta.url).resolve("next/dist/bin/next");
    const exitWithParent = new URL("exit-with-parent.js", import.meta.url).href;
    const child = spawn(process.execPath, ["--import", exitWithParent, next, ...args], {
      cwd: REPOSITORY_ROOT,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...inheritedEnvironment(), ...environment, EXIT_WITH_PROCESS: String(process.pid) },
    });
    return new NextProcess(child);
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** The last it printed, for an error message. */
  get output(): string {
    return this.#output.trim();
  }

  /** Ends the whole group; repeating it is harmless. */
  async close(): Promise<void> {
    if (this.#hasExited) return;
    this.#signal("SIGTERM");
    const timeout = new AbortController();
    const grace = setTimeout(() => timeout.abort(), TERMINATION_GRACE_MS);
    try {
      await Promise.race([this.exited.catch(() => undefined), once(timeout.signal, "abort")]);
    } finally {
      clearTimeout(grace);
    }
    // Also after a clean exit: a helper of Next.js may be left in the group.
    this.#signal("SIGKILL");
    await this.exited.catch(() => undefined);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch (error) {
      // The group is gone, which is what was wanted.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

/** A test runner's mode and options are not for Next.js, which decides on `NODE_ENV` itself. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  const { NODE_ENV: _mode, NODE_OPTIONS: _options, ...rest } = process.env;
  return { ...rest, NEXT_TELEMETRY_DISABLED: "1" };
}
