/** One gateway as a process in a group of its own: started, watched until it is ready, and ended with all it started. */
import { spawn, type ChildProcess } from "node:child_process";
import { BoundedText } from "../../processes/bounded-text.js";
import { killMarked, signalProcess } from "../../processes/marked-processes.js";
import { settledWithin, sleep } from "../../timing.js";
import { RuntimeNotStarted } from "../runtime.js";
import type { GatewayAddress } from "./gateway-config.js";

export type GatewayExit = { code: number | null; signal: NodeJS.Signals | null };

export type GatewayCommand = {
  node: string;
  entry: string;
  directory: string;
  environment: Readonly<Record<string, string>>;
  address: GatewayAddress;
};

/** What OpenClaw exits with when its configuration is wrong: starting it again changes nothing. */
const EXIT_CONFIG_ERROR = 78;
/** Enough for the sentence with which it goes down, and for the log lines before it. */
const MAX_OUTPUT_CHARACTERS = 8_000;
const READY_POLL_MS = 150;
/** One look at the readiness endpoint; a gateway that is still loading answers late. */
const READY_TIMEOUT_MS = 5_000;
/** An idle gateway takes 1 to 4 s to close its databases; a busy one would wait minutes for its work. */
const STOP_GRACE_MS = 7_000;
const KILL_TIMEOUT_MS = 2_000;

/**
 * OpenClaw writes the name of its machine into the lease on a state, which is in every snapshot, and believes a lease of another
 * machine for five minutes: so long a conversation that has moved could not go on. Under one name everywhere it looks for the
 * process itself, finds it gone, and goes on at once. That nobody else has the state is the worker's own lease's business.
 */
const SAME_HOST = `data:text/javascript,${encodeURIComponent(
  'import os from "node:os"; import { syncBuiltinESMExports } from "node:module"; os.hostname = () => "agent-factory"; syncBuiltinESMExports();',
)}`;

/** When memory runs out, the gateway goes before the worker does; only raising the score needs no right. */
const LAUNCH = '{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; exec "$@"';

export class GatewayProcess {
  /** Never rejects. */
  readonly exited: Promise<GatewayExit>;
  private exit: GatewayExit | null = null;
  private readonly output = new BoundedText(MAX_OUTPUT_CHARACTERS);

  private constructor(
    private readonly child: ChildProcess,
    private readonly command: GatewayCommand,
  ) {
    this.exited = new Promise((resolve) => {
      const end = (exit: GatewayExit) => {
        this.exit ??= exit;
        resolve(this.exit);
      };
      child.once("exit", (code, signal) => end({ code, signal }));
      child.once("error", (error) => {
        this.output.add(error.message);
        end({ code: null, signal: null });
      });
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => this.output.add(text));
    }
  }

  static start(command: GatewayCommand): GatewayProcess {
    const { node, entry, address } = command;
    const gateway = [
      node,
      "--import",
      SAME_HOST,
      entry,
      "gateway",
      "run",
      "--port",
      String(address.port),
      "--bind",
      "loopback",
    ];
    const child = spawn("/bin/sh", ["-c", LAUNCH, "sh", ...gateway], {
      cwd: command.directory,
      env: { ...command.environment },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new GatewayProcess(child, command);
  }

  get isAlive(): boolean {
    return this.exit === null;
  }

  /** What it has printed, shortened in its middle. May hold anything: clean it before it goes anywhere. */
  get printed(): string {
    return this.output.toString();
  }

  /** The same, fit for a log. @param clean applied to each piece that the shortening has left, for it may have cut a secret */
  printedWithout(clean: (piece: string) => string): string {
    return this.output.toString(clean);
  }

  /** How it ended, if it has. */
  get ending(): GatewayExit | null {
    return this.exit;
  }

  /** @param signal ends the look early */
  async isReady(signal?: AbortSignal): Promise<boolean> {
    if (!this.isAlive) return false;
    const late = AbortSignal.timeout(READY_TIMEOUT_MS);
    try {
      const answer = await fetch(`http://127.0.0.1:${this.command.address.port}/readyz`, {
        signal: signal === undefined ? late : AbortSignal.any([late, signal]),
      });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false;
    }
  }

  /** @throws RuntimeNotStarted when it ends before it is ready, or `signal` is aborted */
  async untilReady(signal: AbortSignal): Promise<void> {
    while (!(await this.isReady(signal))) {
      if (signal.aborted) throw new RuntimeNotStarted("OpenClaw was not ready in time.", "timeout");
      if (this.exit !== null) throw notStarted(this.exit, this.printed);
      await Promise.race([sleep(READY_POLL_MS, signal), this.exited]);
    }
  }

  /** Asks it to end, or kills it when it is `now` or takes too long, with everything it has started. Never throws. */
  async stop({ now }: { now: boolean }): Promise<void> {
    if (!now) {
      this.signal("SIGTERM");
      await settledWithin(this.exited, STOP_GRACE_MS);
    }
    if (this.child.pid !== undefined) signalProcess(-this.child.pid, "SIGKILL");
    await settledWithin(this.exited, KILL_TIMEOUT_MS);
    await this.killMarked({});
  }

  /** Ends what the agent has left running in its shell: commands end with their turn. Never throws. */
  async killCommands(): Promise<void> {
    await this.killMarked({ OPENCLAW_SHELL: "exec" });
  }

  private async killMarked(variables: Readonly<Record<string, string>>): Promise<void> {
    const ours = { OPENCLAW_GATEWAY_TOKEN: this.command.address.token };
    await killMarked({ ...variables, ...ours }).catch(() => {});
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.isAlive) this.child.kill(signal);
  }
}

export const DISK_FULL = "The disk of the worker is full, or cannot be written to.";

/** Whether a program's last words are about its disk. Pure. */
export function saysDiskFull(printed: string): boolean {
  return /\b(?:ENOSPC|EDQUOT|EROFS|SQLITE_FULL)\b|no space left on device|database or disk is full/i.test(printed);
}

/** Why a gateway that has ended was never ready. Pure. */
export function notStarted({ code, signal }: GatewayExit, printed: string): RuntimeNotStarted {
  // It calls this a wrong configuration too, but the next try may find the state free.
  const isTaken = /already owns this state|refusing to report the gateway ready/i.test(printed);
  if (code === EXIT_CONFIG_ERROR && !isTaken) {
    return new RuntimeNotStarted(
      `OpenClaw does not accept its configuration. ${configProblem(printed)}`,
      "config_error",
    );
  }
  if (saysDiskFull(printed)) return new RuntimeNotStarted(DISK_FULL, "disk_full");
  const how = signal === null ? `with exit code ${code ?? "unknown"}` : `by ${signal}`;
  return new RuntimeNotStarted(
    `OpenClaw ended before it was ready, ${how}; the worker's log has its last words.`,
    "runtime_crashed",
  );
}

/** It names the keys that are wrong, one a line, after a line that ends with the file's path. */
const MAX_PROBLEM_CHARACTERS = 300;

function configProblem(printed: string): string {
  const lines = printed.split("\n").map((line) => line.trim());
  const heading = lines.findIndex((line) => /invalid config/i.test(line));
  const problem = heading < 0 ? undefined : lines[heading + 1];
  return problem === undefined || problem === ""
    ? "The worker's log has its last words."
    : `It says: ${problem.slice(0, MAX_PROBLEM_CHARACTERS)}`;
}
