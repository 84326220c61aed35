/** Lets a deleted volume vanish when its time as `pending_destroy` is over, with its directory. */
import { type VolumeRecord } from "../model/volume.js";
import { type World } from "../model/world.js";
import { type RootDirectories } from "./root-directory.js";

export class VolumeRemoval {
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly unsubscribe: () => void;

  constructor(
    private readonly world: World,
    private readonly directories: RootDirectories,
    private readonly pendingDestroyMs: number,
  ) {
    this.unsubscribe = world.onChange((change) => {
      if (change.kind === "volume") this.consider(change.volume);
    });
  }

  consider(volume: VolumeRecord): void {
    if (volume.state !== "pending_destroy" || this.timers.has(volume.id) || !this.world.volumes.has(volume.id)) return;
    const timer = setTimeout(() => {
      this.timers.delete(volume.id);
      this.world.forgetVolume(volume);
      // A directory that stays behind is removed with the data directory.
      void this.directories.removeVolume(volume.id).catch(() => undefined);
    }, this.pendingDestroyMs);
    timer.unref();
    this.timers.set(volume.id, timer);
  }

  close(): void {
    this.unsubscribe();
    for (const timer of this.timers.values()) clearTimeout(timer);
  }
}
