/** One machine's real process: started behind a gate, frozen, thawed, stopped and killed with everything it started. */
import { spawn, type ChildProcess } from "node:child_process";
import { kill, killMachine, processesMarked } from "./process-members.mjs";
import { type MachineLog } from "./log.js";
import { type Reaper } from "./reaper.js";

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment; nothing of the emulator's own is added. */
  readonly env: Readonly<Record<string, string>>;
  /** `NAME=value` of the environment that only this machine's processes have. */
  readonly marker: string;
  readonly log: MachineLog;
  readonly reaper: Reaper;
}

export interface ProcessExit {
  /** As a shell has it: 128 plus the signal's number when a signal ended the process. */
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | null;
}

/**
 * The program starts only when the emulator has told the reaper about its group: an emulator that is killed in between
 * closes this pipe, and then nothing is left to reap. The process id stays the same through `exec`.
 */
const GATE = 'IFS= read -r go || exit 125; exec "$@" </dev/null';
/** Freezing looks again for processes that were forked meanwhile; each look finds fewer. */
const MAX_FREEZE_ROUNDS = 5;
const SIGNAL_NUMBERS: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

export class MachineProcess {
  /** Resolves when the main process has ended, and never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Whether the emulator asked for the end, so that nobody takes it for the machine's own doing. */
  endRequested = false;
  private frozen = false;
  private ended = false;

  private constructor(
    readonly processId: number,
    private readonly child: ChildProcess,
    private readonly options: ProcessOptions,
  ) {
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.ended = true;
        // A virtual machine ends with its main process, whatever else still ran in it.
        killMachine(processId, options.marker);
        options.reaper.remove(processId);
        resolve({ exitCode: code ?? 128 + (signal === null ? 0 : (SIGNAL_NUMBERS[signal] ?? 0)), signal });
      });
    });
  }

  /** Starts the program in a process group of its own. Throws when not even a shell can be started. */
  static async start(options: ProcessOptions): Promise<MachineProcess> {
    const child = spawn("/bin/sh", ["-c", GATE, "sh", options.command, ...options.args], {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.on("error", () => undefined);
    child.stdout.on("data", (chunk: Buffer) => options.log.append(chunk));
    child.stderr.on("data", (chunk: Buffer) => options.log.append(chunk));
    if (child.pid === undefined) {
      throw await new Promise<Error>((resolve) => child.once("error", resolve));
    }
    child.on("error", (error) => options.log.note(`the process reported: ${error.message}`));
    const started = new MachineProcess(child.pid, child, options);
    await options.reaper.add(child.pid, options.marker);
    child.stdin.end("go\n");
    return started;
  }

  /** Whether the main process still runs, frozen or not. */
  get alive(): boolean {
    return !this.ended;
  }

  /** To the main process only, as Fly's init passes it on. */
  signal(signal: NodeJS.Signals): void {
    if (!this.ended) this.child.kill(signal);
  }

  /** Stops every process of the machine where it stands; returns once none of them can run. */
  freeze(): void {
    if (this.ended) return;
    this.frozen = true;
    kill(-this.processId, "SIGSTOP");
    const stopped = new Set<number>();
    for (let round = 0; round < MAX_FREEZE_ROUNDS; round++) {
      const running = processesMarked(this.options.marker).filter((member) => !stopped.has(member));
      if (running.length === 0) return;
      for (const member of running) {
        kill(member, "SIGSTOP");
        stopped.add(member);
      }
    }
  }

  /** Lets every process go on where it stood. */
  thaw(): void {
    if (this.ended || !this.frozen) return;
    this.frozen = false;
    for (const member of processesMarked(this.options.marker)) kill(member, "SIGCONT");
    kill(-this.processId, "SIGCONT");
  }

  /** Asks with the signal, and kills when the process is still there after `timeoutMs`; a frozen one hears no signal. */
  async stop(signal: NodeJS.Signals, timeoutMs: number): Promise<ProcessExit> {
    this.endRequested = true;
    if (signal === "SIGKILL") return this.kill();
    this.signal(signal);
    const escalation = setTimeout(() => this.crash(), timeoutMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(escalation);
    }
  }

  async kill(): Promise<ProcessExit> {
    this.endRequested = true;
    this.crash();
    return this.exited;
  }

  /** Ends everything at once without having been asked to, as a kernel panic would. */
  crash(): void {
    if (!this.ended) killMachine(this.processId, this.options.marker);
  }
}
