/** Everything that exists in the emulator, and the one place where a machine's state changes. */
import { type HostOptions } from "../options.js";
import { notFound } from "./errors.js";
import { ViewHistory } from "./history.js";
import { type JsonObject } from "./json.js";
import { addEvent, machineView, type MachineRecord, type MachineState } from "./machine.js";
import { volumeView, type VolumeRecord } from "./volume.js";

export type WorldChange =
  | { readonly kind: "machine"; readonly machine: MachineRecord; readonly previous: MachineState | undefined }
  | { readonly kind: "volume"; readonly volume: VolumeRecord };

export interface TransitionEvent {
  readonly type: string;
  /** Who caused it: the API's caller, or the machine's host. */
  readonly source: "user" | "flyd";
  readonly request?: JsonObject;
}

export class World {
  readonly machines = new Map<string, MachineRecord>();
  readonly volumes = new Map<string, VolumeRecord>();
  readonly history = new ViewHistory();
  readonly volumeHistory = new ViewHistory();
  private readonly listeners = new Set<(change: WorldChange) => void>();
  private lastSequence = 0;

  constructor(
    readonly hosts: readonly HostOptions[],
    readonly now: () => number,
  ) {}

  nextSequence(): number {
    this.lastSequence += 1;
    return this.lastSequence;
  }

  /** Throws 404 when the app has no such machine (any more). */
  machineOf(app: string, id: string): MachineRecord {
    const machine = this.machines.get(id);
    if (machine?.app !== app) throw notFound("machine");
    return machine;
  }

  /** Throws 404 when the app has no such volume (any more). */
  volumeOf(app: string, id: string): VolumeRecord {
    const volume = this.volumes.get(id);
    if (volume?.app !== app) throw notFound("volume");
    return volume;
  }

  machinesOf(app: string): MachineRecord[] {
    return [...this.machines.values()].filter((machine) => machine.app === app);
  }

  volumesOf(app: string): VolumeRecord[] {
    return [...this.volumes.values()].filter((volume) => volume.app === app);
  }

  /** The machine that holds a name; a destroyed one holds it no longer. */
  liveMachineNamed(app: string, name: string): MachineRecord | undefined {
    return this.machinesOf(app).find((machine) => machine.name === name && machine.state !== "destroyed");
  }

  addMachine(machine: MachineRecord, event: TransitionEvent): void {
    this.machines.set(machine.id, machine);
    addEvent(machine, { ...event, at: this.now() });
    this.changed(machine, undefined);
  }

  /** Puts a machine back that an earlier run knew. */
  restoreMachine(machine: MachineRecord): void {
    this.lastSequence = Math.max(this.lastSequence, machine.sequence);
    this.machines.set(machine.id, machine);
    this.changed(machine, undefined);
  }

  transition(machine: MachineRecord, state: MachineState, event: TransitionEvent): void {
    const previous = machine.state;
    machine.state = state;
    if (state === "destroyed") machine.destroyedAt = this.now();
    addEvent(machine, { ...event, at: this.now() });
    this.changed(machine, previous);
  }

  /** For changes that leave the state as it is: metadata, cordoning, a new version. */
  touch(machine: MachineRecord): void {
    this.changed(machine, machine.state);
  }

  /** From now on the machine answers 404. */
  forgetMachine(machine: MachineRecord): void {
    this.machines.delete(machine.id);
  }

  changedVolume(volume: VolumeRecord): void {
    this.recordVolume(volume, volumeView(volume));
    for (const listener of this.listeners) listener({ kind: "volume", volume });
  }

  forgetVolume(volume: VolumeRecord): void {
    this.volumes.delete(volume.id);
    this.changedVolume(volume);
    this.recordVolume(volume, { ...volumeView(volume), state: "destroyed" });
  }

  /** Returns the function that ends the subscription. */
  onChange(listener: (change: WorldChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Volumes are listed in the order in which they came to be, which is that of the records. */
  private recordVolume({ app, id }: VolumeRecord, view: JsonObject): void {
    this.volumeHistory.record({ app, id, sequence: 0 }, this.now(), view);
  }

  private changed(machine: MachineRecord, previous: MachineState | undefined): void {
    machine.updatedAt = this.now();
    this.history.record(machine, machine.updatedAt, machineView(machine));
    for (const listener of this.listeners) listener({ kind: "machine", machine, previous });
  }
}
