/** A machine's root directory on disk: reset at a cold boot, filled with `config.files`, with its volume linked in. */
import { chmod, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type MachineConfiguration } from "../model/configuration.js";

/** What an image would bring along; programs expect at least a place for temporary files. */
const STANDARD_DIRECTORIES = ["tmp", "root", "run"] as const;
/** Files may hold credentials, and on one host every machine runs as the same user: at least nobody else reads them. */
const FILE_MODE = 0o600;
/** The retries are for directories into which a process that is just dying wrote a last file. */
const REMOVE = { recursive: true, force: true, maxRetries: 5, retryDelay: 50 } as const;

export class RootDirectories {
  constructor(private readonly dataDirectory: string) {}

  rootOf(machineId: string): string {
    return join(this.dataDirectory, "machines", machineId);
  }

  volumeDirectoryOf(volumeId: string): string {
    return join(this.dataDirectory, "volumes", volumeId);
  }

  /** `reset` throws away what the machine wrote outside its volume, as Fly does at every cold boot. */
  async prepare(machineId: string, configuration: MachineConfiguration, reset: boolean): Promise<string> {
    const root = this.rootOf(machineId);
    if (reset) await rm(root, REMOVE);
    for (const directory of STANDARD_DIRECTORIES) await mkdir(join(root, directory), { recursive: true });
    const { mount } = configuration;
    if (mount !== undefined) await this.link(join(root, mount.path), this.volumeDirectoryOf(mount.volume));
    for (const file of configuration.files) {
      const path = join(root, file.guestPath);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, file.content, { mode: FILE_MODE });
      // An existing file keeps the mode it was made with.
      await chmod(path, FILE_MODE);
    }
    return root;
  }

  async removeMachine(machineId: string): Promise<void> {
    await rm(this.rootOf(machineId), REMOVE);
  }

  async createVolume(volumeId: string): Promise<void> {
    await mkdir(this.volumeDirectoryOf(volumeId), { recursive: true });
  }

  async removeVolume(volumeId: string): Promise<void> {
    await rm(this.volumeDirectoryOf(volumeId), REMOVE);
  }

  private async link(path: string, volumeDirectory: string): Promise<void> {
    await mkdir(volumeDirectory, { recursive: true });
    await mkdir(dirname(path), { recursive: true });
    await rm(path, REMOVE);
    await symlink(volumeDirectory, path, "dir");
  }
}
