/** Starts the reaper process and tells it which process groups must not outlive the emulator. */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

const REAPER_SCRIPT = fileURLToPath(new URL("reaper.mjs", import.meta.url));
/** A reaper that dies this often is being killed on purpose; give up and say so rather than loop. */
const MAX_RESTARTS = 10;

export class Reaper {
  private readonly groups = new Map<number, string>();
  private child: ChildProcess | undefined;
  private restarts = 0;
  private closed = false;

  constructor() {
    this.start();
  }

  /**
   * Await before the machine's own program runs: once this resolves the line is in the pipe, so that a kill of the
   * emulator at any later moment finds the reaper informed.
   */
  async add(groupId: number, marker: string): Promise<void> {
    this.groups.set(groupId, marker);
    await new Promise<void>((resolve) => this.send(addLine(groupId, marker), resolve));
  }

  remove(groupId: number): void {
    this.groups.delete(groupId);
    this.send(`remove ${groupId}`);
  }

  /** Ends the reaper, which kills whatever was not removed. */
  async close(): Promise<void> {
    this.closed = true;
    const child = this.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    // A program with nothing else left to do would end here, in silence, before its error is printed.
    child.ref();
    await new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.stdin?.end();
    });
  }

  private start(): void {
    // A session of its own: the signal that ends the emulator's terminal or group must not end the reaper first.
    const child = spawn(process.execPath, [REAPER_SCRIPT], {
      detached: true,
      stdio: ["pipe", "ignore", "inherit"],
      env: {},
    });
    this.child = child;
    child.stdin.on("error", () => undefined);
    child.once("exit", () => {
      if (this.closed || this.restarts >= MAX_RESTARTS) return;
      this.restarts += 1;
      this.start();
      for (const [groupId, marker] of this.groups) this.send(addLine(groupId, marker));
    });
    child.unref();
  }

  private send(line: string, written: () => void = () => undefined): void {
    const input = this.child?.stdin;
    // A reaper that just died is replaced, and its successor is told everything; nothing is lost by going on.
    if (input?.writable !== true) return written();
    input.write(`${line}\n`, () => written());
  }
}

const addLine = (groupId: number, marker: string): string => `add ${groupId} ${JSON.stringify(marker)}`;
