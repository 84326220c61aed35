/** Boots a machine's process: root directory, ports, environment, then the program behind its gate. */
import { ApiError } from "../model/errors.js";
import { type MachineRecord } from "../model/machine.js";
import { findImage, type FlyEmulatorOptions } from "../options.js";
import { environmentMarker, freePort, machineEnvironment } from "./environment.js";
import { type MachineLog } from "./log.js";
import { MachineProcess } from "./process.js";
import { type Reaper } from "./reaper.js";
import { type RootDirectories } from "./root-directory.js";

export interface BootOptions {
  readonly log: MachineLog;
  /** Throw away what the machine wrote before. */
  readonly reset: boolean;
}

/** Ports stay reserved for this many later requests: long past the moment in which two boots could meet. */
const REMEMBERED_PORTS = 500;

export class Booter {
  private readonly takenPorts = new Set<number>();
  /** What each running machine's process got; `exec` runs with the same. */
  private readonly environments = new Map<string, Record<string, string>>();

  constructor(
    private readonly images: FlyEmulatorOptions["images"],
    private readonly directories: RootDirectories,
    private readonly reaper: Reaper,
  ) {}

  async boot(machine: MachineRecord, options: BootOptions): Promise<MachineProcess> {
    const image = findImage(this.images, machine.configuration.image);
    if (image === undefined) throw new ApiError(400, `invalid_argument: no image "${machine.configuration.image}"`);
    const root = await this.directories.prepare(machine.id, machine.configuration, options.reset);
    const ports: Record<string, string> = {};
    for (const name of image.freePortEnvironmentNames ?? []) ports[name] = String(await this.port());
    const env = machineEnvironment(machine, image, root, ports);
    this.environments.set(machine.id, env);
    const { command, args } = image;
    const marker = environmentMarker(root);
    return MachineProcess.start({ command, args, cwd: root, env, marker, log: options.log, reaper: this.reaper });
  }

  environmentOf(machine: MachineRecord): Record<string, string> {
    return { ...this.environments.get(machine.id) };
  }

  forget(machine: MachineRecord): void {
    this.environments.delete(machine.id);
  }

  private async port(): Promise<number> {
    const port = await freePort(this.takenPorts);
    const [oldest] = this.takenPorts;
    if (this.takenPorts.size > REMEMBERED_PORTS && oldest !== undefined) this.takenPorts.delete(oldest);
    return port;
  }
}
