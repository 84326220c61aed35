/** What a caller may do to a machine, and from which states; the newest request decides where the machine ends. */
import { failedPrecondition } from "../model/errors.js";
import { type MachineConfiguration } from "../model/configuration.js";
import { type JsonObject } from "../model/json.js";
import { replaceConfiguration, type MachineRecord, type MachineState } from "../model/machine.js";
import { type World } from "../model/world.js";
import { type MachineRuntime } from "./runtime.js";
import { exitDetail, type MachineSteps } from "./steps.js";

/** Faults that change what happens to a machine after its request was answered. */
export interface LaunchFaults {
  readonly stuck?: boolean;
  readonly fails?: boolean;
}

const STOPPABLE: ReadonlySet<MachineState> = new Set(["starting", "started", "suspending", "suspended", "restarting"]);
const DESTROYABLE: ReadonlySet<MachineState> = new Set(["stopped", "suspended", "created", "failed"]);
const RUNNING: ReadonlySet<MachineState> = new Set(["starting", "started", "restarting"]);
const KILL = { signal: "SIGKILL", timeoutMs: 0 } as const;

export class MachineLifecycle {
  constructor(
    private readonly world: World,
    private readonly steps: MachineSteps,
  ) {}

  /** Takes a machine that was just created (state `created`) on its way. */
  launch(machine: MachineRecord, skipLaunch: boolean, faults: LaunchFaults = {}): void {
    const runtime = this.steps.runtimeOf(machine);
    const epoch = runtime.nextEpoch();
    if (faults.stuck === true) return;
    runtime.after(epoch, this.steps.draw("create"), () => {
      runtime.prepared = true;
      if (faults.fails === true) return this.failLaunch(machine);
      if (!skipLaunch) this.steps.bootUp(machine, { type: "start", reset: true });
    });
  }

  /** Returns the state before. Throws 412 when the machine cannot be started from where it is. */
  start(machine: MachineRecord): MachineState {
    const before = machine.state;
    const runtime = this.steps.runtimeOf(machine);
    if (before === "started" || before === "starting") return before;
    const startable = before === "stopped" || before === "failed" || before === "suspended";
    if (!startable && !(before === "created" && runtime.prepared)) {
      throw failedPrecondition(`unable to start machine from current state: '${before}'`);
    }
    if (before === "suspended") this.resume(machine, runtime);
    else this.steps.bootUp(machine, { type: "start", reset: machine.configuration.persistRootfs === "never" });
    return before;
  }

  stop(machine: MachineRecord, how: MachineConfiguration["stop"], faults: { stuck?: boolean } = {}): void {
    if (machine.state === "stopped" || machine.state === "stopping") return;
    if (!STOPPABLE.has(machine.state)) {
      throw failedPrecondition(`unable to stop machine from current state: '${machine.state}'`);
    }
    // A suspended machine is not running: there is nobody to ask, and only its snapshot to throw away.
    const asleep = machine.state === "suspended" || machine.state === "suspending";
    const epoch = this.steps.enter(machine, "stopping", "stop", "user");
    if (faults.stuck === true) return;
    void this.steps.endProcess(machine, asleep ? KILL : how).then((exit) => {
      if (this.steps.runtimeOf(machine).isCurrent(epoch)) this.steps.settle(machine, exitDetail(exit, true));
    });
  }

  suspend(machine: MachineRecord): void {
    if (machine.state === "suspended" || machine.state === "suspending") return;
    const runtime = this.steps.runtimeOf(machine);
    const { guest, swapMb } = machine.configuration;
    if (machine.state !== "started" || runtime.process === undefined) {
      throw failedPrecondition(`unable to suspend machine from current state: '${machine.state}'`);
    }
    if (guest.memoryMb > 2_048 || swapMb > 0) {
      throw failedPrecondition("only machines with at most 2048 MB of memory and without swap can be suspended");
    }
    const epoch = this.steps.enter(machine, "suspending", "suspend", "user");
    runtime.process.freeze();
    runtime.after(
      epoch,
      this.steps.draw("suspend"),
      () => void this.steps.enter(machine, "suspended", "suspend", "flyd"),
    );
  }

  restart(machine: MachineRecord, how: MachineConfiguration["stop"]): void {
    if (!RUNNING.has(machine.state) && machine.state !== "stopped") {
      throw failedPrecondition(`unable to restart machine from current state: '${machine.state}'`);
    }
    const epoch = this.steps.enter(machine, "restarting", "restart", "user");
    this.steps.rebootAfterEnd(machine, epoch, how, machine.configuration.persistRootfs === "never");
  }

  /** A new version with this configuration; a running machine is replaced by it, `skipLaunch` leaves it stopped. */
  update(machine: MachineRecord, config: JsonObject, configuration: MachineConfiguration, skipLaunch: boolean): void {
    if (!RUNNING.has(machine.state) && !DESTROYABLE.has(machine.state)) {
      throw failedPrecondition(`unable to update machine from current state: '${machine.state}'`);
    }
    const wasSuspended = machine.state === "suspended";
    const wasRunning = RUNNING.has(machine.state);
    const stop = wasSuspended ? KILL : machine.configuration.stop;
    replaceConfiguration(machine, config, configuration);
    if (!wasRunning && !wasSuspended && skipLaunch) return this.world.touch(machine);
    const epoch = this.steps.enter(machine, "replacing", "update", "user");
    if (!skipLaunch) return this.steps.rebootAfterEnd(machine, epoch, stop, configuration.persistRootfs !== "always");
    void this.steps.endProcess(machine, stop).then(() => {
      if (this.steps.runtimeOf(machine).isCurrent(epoch)) this.steps.enter(machine, "stopped", "update", "flyd");
    });
  }

  /** Throws 412 without `force` while the machine runs. */
  destroy(machine: MachineRecord, force: boolean): void {
    if (machine.state === "destroying") return;
    if (!force && !DESTROYABLE.has(machine.state)) {
      throw failedPrecondition("unable to destroy machine, not currently stopped, suspended, failed or created");
    }
    this.steps.remove(machine, "user");
  }

  signal(machine: MachineRecord, signal: NodeJS.Signals): void {
    const { process } = this.steps.runtimeOf(machine);
    if (machine.state !== "started" || process === undefined) {
      throw failedPrecondition(`unable to signal machine in state: '${machine.state}'`);
    }
    process.signal(signal);
  }

  private resume(machine: MachineRecord, runtime: MachineRuntime): void {
    const epoch = this.steps.enter(machine, "starting", "start", "user");
    const cold = runtime.coldResume || runtime.process?.alive !== true;
    runtime.coldResume = false;
    // Fly boots anew when a snapshot cannot be resumed, but keeps the root file system.
    if (cold) return this.steps.rebootAfterEnd(machine, epoch, KILL, false);
    runtime.after(epoch, this.steps.draw("resume"), () => {
      runtime.process?.thaw();
      this.steps.enter(machine, "started", "start", "flyd");
    });
  }

  private failLaunch(machine: MachineRecord): void {
    const epoch = this.steps.enter(machine, "launch_failed", "launch", "flyd");
    this.steps.runtimeOf(machine).after(epoch, this.steps.draw("destroy"), () => this.steps.remove(machine, "flyd"));
  }
}
