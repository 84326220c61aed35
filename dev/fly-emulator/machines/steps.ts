/** The steps machines are made of: entering a state, booting, ending, settling and vanishing; each takes its time. */
import { type MachineConfiguration } from "../model/configuration.js";
import { type JsonObject } from "../model/json.js";
import { type MachineRecord, type MachineState } from "../model/machine.js";
import { type RandomSource } from "../model/random.js";
import { type World } from "../model/world.js";
import { type Latencies, type Latency } from "../options.js";
import { type Booter } from "./boot.js";
import { MachineLog } from "./log.js";
import { type MachineProcess, type ProcessExit } from "./process.js";
import { restartDelay } from "./restart-policy.js";
import { type RootDirectories } from "./root-directory.js";
import { MachineRuntime } from "./runtime.js";

export interface StepOptions {
  readonly world: World;
  readonly booter: Booter;
  readonly directories: RootDirectories;
  readonly latencies: Latencies;
  readonly random: RandomSource;
  readonly logBytes: number;
  /** How long a destroyed machine still answers 200, in ms. */
  readonly destroyedVisibleMs: number;
}

/** In these the process is expected to run, so that its end is its own doing. */
const EXPECTS_PROCESS: ReadonlySet<MachineState> = new Set(["starting", "started", "suspending", "suspended"]);
/** What is remembered of a machine's restarts; more than any policy counts. */
const MAX_REMEMBERED_RESTARTS = 100;

export class MachineSteps {
  private readonly runtimes = new Map<string, MachineRuntime>();
  private readonly purges = new Set<NodeJS.Timeout>();
  private closed = false;

  constructor(private readonly options: StepOptions) {}

  runtimeOf(machine: MachineRecord): MachineRuntime {
    let runtime = this.runtimes.get(machine.id);
    if (runtime === undefined) {
      runtime = new MachineRuntime(new MachineLog(this.options.logBytes));
      this.runtimes.set(machine.id, runtime);
    }
    return runtime;
  }

  /** Changes the state and, with it, the course: whatever was under way for the machine is outdated from here on. */
  enter(
    machine: MachineRecord,
    state: MachineState,
    type: string,
    source: "user" | "flyd",
    request?: JsonObject,
  ): number {
    const epoch = this.runtimeOf(machine).nextEpoch();
    this.options.world.transition(machine, state, { type, source, ...(request === undefined ? {} : { request }) });
    return epoch;
  }

  bootUp(machine: MachineRecord, how: { type: string; reset: boolean }): void {
    const runtime = this.runtimeOf(machine);
    const epoch = this.enter(machine, "starting", how.type, "user");
    void runtime.queueBoot(async () => {
      if (!runtime.isCurrent(epoch)) return;
      try {
        const process = await this.options.booter.boot(machine, { log: runtime.log, reset: how.reset });
        // The course changed while this was booting: whoever changed it waits for boots, then ends what it finds here.
        runtime.process = process;
        void process.exited.then((exit) => this.processEnded(machine, process, exit));
        runtime.after(epoch, this.draw("start"), () => void this.enter(machine, "started", "start", "flyd"));
      } catch (error) {
        runtime.log.note(`the machine could not boot: ${error instanceof Error ? error.message : String(error)}`);
        if (runtime.isCurrent(epoch)) this.enter(machine, "failed", "start", "flyd");
      }
    });
  }

  rebootAfterEnd(machine: MachineRecord, epoch: number, how: MachineConfiguration["stop"], reset: boolean): void {
    void this.endProcess(machine, how).then(() => {
      if (this.runtimeOf(machine).isCurrent(epoch)) this.bootUp(machine, { type: "start", reset });
    });
  }

  async endProcess(machine: MachineRecord, how: MachineConfiguration["stop"]): Promise<ProcessExit | undefined> {
    const runtime = this.runtimeOf(machine);
    await runtime.bootsDone();
    return runtime.process?.stop(how.signal, how.timeoutMs);
  }

  /** The process ended and nobody asked for it: the restart policy decides. */
  private processEnded(machine: MachineRecord, process: MachineProcess, exit: ProcessExit): void {
    const runtime = this.runtimeOf(machine);
    if (this.closed || runtime.process !== process) return;
    runtime.process = undefined;
    if (process.endRequested || !EXPECTS_PROCESS.has(machine.state)) return;
    const now = this.options.world.now();
    const delayMs = restartDelay({
      restart: machine.configuration.restart,
      exitCode: exit.exitCode,
      restartedAt: runtime.restartedAt,
      now,
      firstDelayMs: this.draw("restart"),
    });
    if (delayMs === undefined) return this.settle(machine, exitDetail(exit, false));
    runtime.restartedAt = [...runtime.restartedAt, now].slice(-MAX_REMEMBERED_RESTARTS);
    const epoch = this.enter(machine, "restarting", "exit", "flyd", exitDetail(exit, false));
    const reset = machine.configuration.persistRootfs === "never";
    runtime.after(epoch, delayMs, () => this.bootUp(machine, { type: "restart", reset }));
  }

  settle(machine: MachineRecord, request: JsonObject): void {
    this.enter(machine, "stopped", "exit", "flyd", request);
    if (machine.configuration.autoDestroy) this.remove(machine, "flyd");
  }

  remove(machine: MachineRecord, source: "user" | "flyd"): void {
    const runtime = this.runtimeOf(machine);
    const epoch = this.enter(machine, "destroying", "destroy", source);
    void this.endProcess(machine, { signal: "SIGKILL", timeoutMs: 0 })
      .then(() => this.options.directories.removeMachine(machine.id))
      .catch((error: unknown) => runtime.log.note(`the root directory could not be removed: ${String(error)}`))
      .then(() => runtime.after(epoch, this.draw("destroy"), () => this.destroyed(machine)));
  }

  private destroyed(machine: MachineRecord): void {
    const { world, booter, destroyedVisibleMs } = this.options;
    for (const volume of world.volumes.values()) {
      if (volume.attachedMachineId !== machine.id) continue;
      delete volume.attachedMachineId;
      world.changedVolume(volume);
    }
    this.enter(machine, "destroyed", "destroy", "flyd");
    booter.forget(machine);
    this.purgeAfter(machine, destroyedVisibleMs);
  }

  /** Lets a destroyed machine answer 200 for a while longer. */
  purgeAfter(machine: MachineRecord, delayMs: number): void {
    const purge = setTimeout(() => {
      this.purges.delete(purge);
      this.runtimes.delete(machine.id);
      this.options.world.forgetMachine(machine);
    }, delayMs);
    purge.unref();
    this.purges.add(purge);
  }

  draw(step: keyof Latencies): number {
    const latency: Latency = this.options.latencies[step];
    if (typeof latency === "number") return latency;
    return latency[0] + this.options.random.next() * (latency[1] - latency[0]);
  }

  /** Ends every process and every pending step; nothing moves after this. */
  async close(): Promise<void> {
    this.closed = true;
    for (const purge of this.purges) clearTimeout(purge);
    const ends = [...this.runtimes.values()].map(async (runtime) => {
      runtime.nextEpoch();
      await runtime.bootsDone();
      await runtime.process?.kill();
    });
    await Promise.all(ends);
  }
}

export function exitDetail(exit: ProcessExit | undefined, requested: boolean): JsonObject {
  return {
    exit_event: { exit_code: exit?.exitCode ?? 0, requested_stop: requested, oom_killed: false },
  };
}
