/** Runs one shell command in a process group of its own, with a time limit and a bounded output, and leaves nothing running. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { BoundedText } from "./bounded-text.js";
import { killMarked } from "./marked-processes.js";

export type CommandOptions = {
  directory: string;
  /** All that the command gets to see of the world besides {@link baseEnvironment}. */
  environment: Readonly<Record<string, string>>;
  /** In ms. */
  timeoutMs: number;
  /** UTF-16 code units of output that are kept: half from its beginning, half from its end. */
  maxOutputCharacters: number;
  /** Takes secrets out of a piece of the output. Called for each piece apart, so that a cut never hides half of one. */
  clean: (piece: string) => string;
  signal: AbortSignal;
};

export type CommandResult = {
  /** `null` when a signal ended it. */
  exitCode: number | null;
  endedBy: "itself" | "timeout" | "abort";
  /** The signal that ended it, e.g. `SIGKILL`, which nobody here has sent, when the machine had no memory left. */
  signal: NodeJS.Signals | null;
  /** Standard output and error in the order they came. */
  output: string;
};

/** After being asked to end, so that it can remove its files; well below the two seconds an abort may take. */
const GRACE_MS = 1_000;
/** A pipe that a child in another group holds open must not keep the turn waiting once the command has ended. */
const OUTPUT_GRACE_MS = 300;

/** What every command may rely on; nothing of the worker's own environment. */
export function baseEnvironment(home: string, temporaryDirectory: string): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LANG: "C.UTF-8",
    HOME: home,
    TMPDIR: temporaryDirectory,
  };
}

/** Found in the environment of all that a command starts, also of what leaves its process group to live on. */
const MARK = "AGENT_FACTORY_COMMAND";

/** When memory runs out, what the agent started goes before the worker does; only raising the score needs no right. */
const OFFER_TO_OOM = "echo 1000 2>/dev/null >/proc/self/oom_score_adj; ";

/** @throws the error of a shell that could not be started */
export async function runCommand(command: string, options: CommandOptions): Promise<CommandResult> {
  const { directory, environment, timeoutMs, signal } = options;
  const output = new BoundedText(options.maxOutputCharacters);
  if (signal.aborted) return { exitCode: null, endedBy: "abort", signal: null, output: "" };
  const mark = { [MARK]: randomBytes(16).toString("hex") };
  const child = spawn("/bin/sh", ["-c", `{ ${OFFER_TO_OOM}} 2>/dev/null\n${command}`], {
    cwd: directory,
    env: { ...environment, ...mark },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: one signal reaches everything the command has started.
    detached: true,
  });
  // There are none when the system has no more files to give; the error that says so is still to come.
  const streams: (Readable | undefined)[] = [child.stdout, child.stderr];
  for (const stream of streams) stream?.setEncoding("utf8").on("data", (part: string) => output.add(part));
  let endedBy: CommandResult["endedBy"] = "itself";
  let killTimer: NodeJS.Timeout | undefined;
  const end = (why: "timeout" | "abort") => {
    if (endedBy !== "itself") return;
    endedBy = why;
    signalGroup(child, "SIGTERM");
    killTimer = setTimeout(() => signalGroup(child, "SIGKILL"), GRACE_MS);
  };
  const timer = setTimeout(() => end("timeout"), timeoutMs);
  const onAbort = () => end("abort");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const ended = await ending(child);
    // What it left running in the background would outlive the turn.
    signalGroup(child, "SIGKILL");
    await killMarked(mark).catch(() => {});
    return { ...ended, endedBy, output: output.toString(options.clean) };
  } finally {
    clearTimeout(timer);
    clearTimeout(killTimer);
    signal.removeEventListener("abort", onAbort);
    for (const stream of streams) stream?.destroy();
  }
}

async function ending(child: ChildProcess): Promise<Pick<CommandResult, "exitCode" | "signal">> {
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (exitCode, signal) => {
      const done = () => resolve({ exitCode, signal });
      const patience = setTimeout(done, OUTPUT_GRACE_MS);
      child.once("close", () => {
        clearTimeout(patience);
        done();
      });
    });
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is empty: everything in it has ended.
  }
}

/** How a command ended, as half a sentence: `exit code 3`, `stopped after 60 s`, `killed by SIGKILL`. */
export function describeEnding({ exitCode, endedBy, signal }: CommandResult, timeoutMs: number): string {
  if (endedBy === "timeout") return `stopped after ${Math.round(timeoutMs / 1_000)} s, its time limit`;
  if (endedBy === "abort") return "stopped with the turn";
  // A shell tells of a killed child as 128 and the signal's number.
  const isKilled = signal === "SIGKILL" || exitCode === 128 + constants.signals.SIGKILL;
  if (isKilled) return "killed, perhaps because the machine had no memory left";
  return signal === null ? `exit code ${exitCode ?? "unknown"}` : `ended by ${signal}`;
}
