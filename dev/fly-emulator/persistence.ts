/** Keeps what exists in a file, so that an emulator that is started again knows its machines and volumes. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readConfiguration } from "./model/configuration.js";
import { isJsonObject, parseJson, type JsonObject } from "./model/json.js";
import { addEvent, type MachineRecord } from "./model/machine.js";
import { type VolumeRecord } from "./model/volume.js";
import { type World } from "./model/world.js";

const FILE = "fly-emulator.json";
/** Changes come in bursts; one write per burst is enough for what is best effort anyway. */
const WRITE_DELAY_MS = 50;

export class StateFile {
  private timer: NodeJS.Timeout | undefined;
  private readonly path: string;

  constructor(
    private readonly directory: string,
    private readonly world: World,
  ) {
    this.path = join(directory, FILE);
  }

  /**
   * Makes the directory the emulator's own. Refuses one that holds something else, because what is in it gets removed.
   * Without `keep`, machines and volumes of an earlier run are gone afterwards.
   */
  claim(keep: boolean): void {
    mkdirSync(this.directory, { recursive: true });
    const entries = readdirSync(this.directory);
    if (entries.length > 0 && !entries.includes(FILE)) {
      throw new Error(
        `The directory ${this.directory} is not empty and was not made by this emulator. Give it a new or an empty one.`,
      );
    }
    if (!keep) this.clear();
    if (!entries.includes(FILE)) this.save();
  }

  /** Puts what the file remembers into the world; processes did not survive, so machines come back stopped. */
  load(): void {
    const state = parseJson(readFileSync(this.path, "utf8"));
    if (!isJsonObject(state)) return;
    for (const entry of listOf(state.volumes)) {
      // Written by `save` below; the boundary is this emulator's own file.
      const volume = entry as unknown as VolumeRecord;
      this.world.volumes.set(volume.id, volume);
      this.world.changedVolume(volume);
    }
    for (const entry of listOf(state.machines)) {
      const machine = { ...entry, configuration: readConfiguration(entry.config) } as unknown as MachineRecord;
      if (machine.state === "destroyed" || machine.state === "destroying") continue;
      machine.state = "stopped";
      addEvent(machine, { type: "exit", source: "flyd", at: this.world.now() });
      this.world.restoreMachine(machine);
    }
  }

  /** Writes soon after a change. */
  schedule(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.save();
    }, WRITE_DELAY_MS);
  }

  /** Writes now; a reader sees the old file or the new one, never half of one. */
  save(): void {
    clearTimeout(this.timer);
    const machines = [...this.world.machines.values()].map(({ configuration: _derived, ...machine }) => machine);
    const text = JSON.stringify({ machines, volumes: [...this.world.volumes.values()] }, undefined, 1);
    writeFileSync(`${this.path}.new`, text, { mode: 0o600 });
    renameSync(`${this.path}.new`, this.path);
  }

  /** Removes everything the emulator wrote, and nothing else. */
  clear(): void {
    clearTimeout(this.timer);
    for (const name of ["machines", "volumes", FILE, `${FILE}.new`]) {
      rmSync(join(this.directory, name), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    }
  }
}

function listOf(value: JsonObject[string]): JsonObject[] {
  return Array.isArray(value) ? value.filter((entry) => isJsonObject(entry)) : [];
}
