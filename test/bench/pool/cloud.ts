/** Fly Machines in virtual time, behind the product's own provider interface: states, durations, rate limits, the bill. */
import { RateLimiter } from "../../../dev/fly-emulator/api/rate-limits.js";
import { DEFAULT_RATE_LIMITS } from "../../../dev/fly-emulator/options.js";
import { ProviderError } from "../../../src/component/providers/provider.js";
import type { MachineSpec, ObservedMachine, Provider } from "../../../src/component/providers/provider.js";
import { machineState } from "../../../src/component/providers/fly/responses.js";
import { DURATIONS, REGION } from "./assumptions.js";
import { Meter, type MeteredState } from "./meter.js";
import type { Draws } from "./random.js";
import type { VirtualTime } from "./virtual-time.js";

type Machine = {
  id: string;
  name: string;
  metadata: Record<string, string>;
  createdAt: number;
  state: MeteredState;
  since: number;
};

/** What happens inside a machine, told to whoever plays its worker. */
export type MachineEvents = {
  booted: (machine: { id: string; name: string }) => void;
  thawed: (machine: { id: string; name: string }) => void;
  /** Frozen, stopped or destroyed. */
  halted: (machine: { id: string; name: string }) => void;
};

type Action = Parameters<RateLimiter["take"]>[0];
/** How often a wait looks; Fly's own is a long poll, which answers as soon as there is something to say. */
const WAIT_INTERVAL_MS = 250;

export class Cloud implements Provider {
  readonly meter = new Meter();
  calls = 0;
  /** From the creation of each machine until it was destroyed, or until {@link close}. */
  lifetimeMs = 0;
  private readonly machines = new Map<string, Machine>();
  private readonly limiter: RateLimiter;
  private nextId = 1;

  constructor(
    private readonly time: VirtualTime,
    private readonly draws: Draws,
    private readonly events: MachineEvents,
  ) {
    this.limiter = new RateLimiter(DEFAULT_RATE_LIMITS, () => time.now);
  }

  async createMachine({ name, metadata }: MachineSpec): Promise<ObservedMachine> {
    await this.call("machine_create", "app");
    for (const machine of this.machines.values()) {
      if (machine.name === name) throw new ProviderError("name_taken", "The name is taken.", failure(409, machine.id));
    }
    const { now } = this.time;
    const machine: Machine = { id: `m${this.nextId++}`, name, metadata, createdAt: now, state: "created", since: now };
    this.machines.set(machine.id, machine);
    this.meter.countMachines(1);
    this.later(machine, "created", DURATIONS.create, () => this.start(machine));
    return observed(machine);
  }

  async listMachines(): Promise<ObservedMachine[]> {
    await this.call("machine_list", "app");
    return [...this.machines.values()].map(observed);
  }

  async getMachine(machineId: string): Promise<ObservedMachine | null> {
    await this.call("machine_get", machineId);
    const machine = this.machines.get(machineId);
    return machine === undefined ? null : observed(machine);
  }

  async stopMachine(machineId: string): Promise<void> {
    await this.call("machine_stop", machineId);
    this.end(this.require(machineId));
  }

  async suspendMachine(machineId: string): Promise<void> {
    await this.call("machine_suspend", machineId);
    const machine = this.require(machineId);
    if (machine.state !== "started") return;
    this.enter(machine, "suspending");
    this.later(machine, "suspending", DURATIONS.suspend, () => {
      this.enter(machine, "suspended");
      this.events.halted(machine);
    });
  }

  async startMachine(machineId: string): Promise<void> {
    await this.call("machine_start", machineId);
    const machine = this.require(machineId);
    if (machine.state === "started" || machine.state === "starting") return;
    if (machine.state !== "suspended" && machine.state !== "stopped") {
      throw new ProviderError("busy", `A machine that is ${machine.state} cannot be started yet.`, failure(412));
    }
    const wasFrozen = machine.state === "suspended";
    this.enter(machine, "starting");
    this.later(machine, "starting", DURATIONS.resume, () => {
      this.enter(machine, "started");
      if (wasFrozen) this.events.thawed(machine);
      else this.events.booted(machine);
    });
  }

  async waitUntilStopped(machineId: string, timeoutSeconds: number): Promise<boolean> {
    await this.call("machine_wait", machineId);
    const until = this.time.now + timeoutSeconds * 1_000;
    for (;;) {
      const machine = this.machines.get(machineId);
      if (machine === undefined || machine.state === "stopped") return true;
      if (this.time.now >= until) return false;
      await this.time.pause(WAIT_INTERVAL_MS);
    }
  }

  async destroyMachine(machineId: string): Promise<void> {
    await this.call("machine_destroy", machineId);
    const machine = this.machines.get(machineId);
    if (machine === undefined || machine.state === "destroying") return;
    this.enter(machine, "destroying");
    this.events.halted(machine);
    this.later(machine, "destroying", DURATIONS.destroy, () => {
      this.enter(machine, "destroyed");
      this.machines.delete(machineId);
      this.meter.countMachines(-1);
      this.lifetimeMs += this.time.now - machine.createdAt;
    });
  }

  async createVolume(): Promise<never> {
    throw new Error("There are no volumes here.");
  }

  async getVolume(): Promise<null> {
    await this.call("volume_get", "app");
    return null;
  }

  async listVolumes(): Promise<never[]> {
    await this.call("volume_list", "app");
    return [];
  }

  async deleteVolume(): Promise<never> {
    throw new Error("There are no volumes here.");
  }

  /** The machine's process has ended by itself. */
  exit(machineId: string): void {
    const machine = this.machines.get(machineId);
    if (machine !== undefined) this.end(machine);
  }

  /** Books what machines have cost until now. */
  close(): void {
    for (const machine of this.machines.values()) {
      this.enter(machine, machine.state);
      this.lifetimeMs += this.time.now - machine.createdAt;
    }
  }

  private start(machine: Machine): void {
    this.enter(machine, "starting");
    this.enter(machine, "started");
    this.events.booted(machine);
  }

  private end(machine: Machine): void {
    if (machine.state !== "started") return;
    this.enter(machine, "stopping");
    this.later(machine, "stopping", DURATIONS.stop, () => {
      this.enter(machine, "stopped");
      this.events.halted(machine);
    });
  }

  private enter(machine: Machine, state: MeteredState): void {
    this.meter.book(machine.state, machine.since, this.time.now);
    machine.state = state;
    machine.since = this.time.now;
  }

  /** Goes on after a while, unless something else has happened to the machine. */
  private later(machine: Machine, state: MeteredState, duration: readonly [number, number], next: () => void): void {
    const { since } = machine;
    this.time.after(this.draws.ms(duration), () => {
      if (machine.state === state && machine.since === since) next();
    });
  }

  private require(machineId: string): Machine {
    const machine = this.machines.get(machineId);
    if (machine === undefined) throw new ProviderError("not_found", "There is no such machine.", failure(404));
    return machine;
  }

  private async call(action: Action, identifier: string): Promise<void> {
    this.calls += 1;
    await this.time.pause(this.draws.ms(DURATIONS.call));
    if (this.limiter.take(action, identifier) !== undefined) {
      throw new ProviderError("busy", "rate limit exceeded", failure(429));
    }
  }
}

function failure(status: number, machineId?: string) {
  return { status, requestId: null, ...(machineId === undefined ? {} : { machineId }) };
}

function observed({ id, name, metadata, createdAt, state }: Machine): ObservedMachine {
  return { machineId: id, name, region: REGION, state: machineState(state), metadata, createdAt };
}
