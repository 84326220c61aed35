/** Meters what Fly would charge for: seconds started by size, root file systems at rest, volumes as provisioned. */
import { type MachineRecord } from "../model/machine.js";
import { type VolumeRecord } from "../model/volume.js";
import { guestSizeName, ROOTFS_GB_HOUR, startedSecondPrice, VOLUME_GB_HOUR, type GuestSize } from "./prices.js";

export interface Bill {
  /** By size and region, e.g. `shared-cpu-1x@256MB in iad`. */
  readonly started: Readonly<Record<string, { readonly seconds: number; readonly usd: number }>>;
  readonly rootfs: { readonly gbHours: number; readonly usd: number };
  readonly volumes: { readonly gbHours: number; readonly usd: number };
  readonly usd: number;
}

interface Interval {
  since: number;
  readonly charge: "started" | "rootfs" | "volume" | "nothing";
  readonly size?: GuestSize;
  readonly region: string;
  readonly gb: number;
}

const MS_PER_HOUR = 3_600_000;

export class BillingMeter {
  private readonly running = new Map<string, Interval>();
  private readonly startedMs = new Map<string, { size: GuestSize; region: string; ms: number }>();
  private rootfsGbMs = 0;
  private volumeGbMs = 0;

  constructor(
    private readonly now: () => number,
    private readonly rootfsGb: (machine: MachineRecord) => number,
  ) {}

  /** Call after every change of a machine: what it cost until now is booked, and the new state's price begins. */
  machineChanged(machine: MachineRecord): void {
    const { state, region, configuration } = machine;
    if (state === "started") {
      this.begin(machine.id, { charge: "started", size: configuration.guest, region, gb: 0 });
    } else if (state === "stopped" || state === "suspended") {
      this.begin(machine.id, { charge: "rootfs", region, gb: this.rootfsGb(machine) });
    } else {
      this.begin(machine.id, { charge: "nothing", region, gb: 0 });
    }
  }

  volumeChanged(volume: VolumeRecord): void {
    const charge = volume.state === "created" ? "volume" : "nothing";
    this.begin(volume.id, { charge, region: volume.region, gb: volume.sizeGb });
  }

  bill(): Bill {
    for (const interval of this.running.values()) this.book(interval);
    const started: Record<string, { seconds: number; usd: number }> = {};
    let usd = 0;
    for (const [name, { size, region, ms }] of this.startedMs) {
      const cost = (ms / 1_000) * startedSecondPrice(size, region);
      started[name] = { seconds: ms / 1_000, usd: cost };
      usd += cost;
    }
    const rootfs = charged(this.rootfsGbMs / MS_PER_HOUR, ROOTFS_GB_HOUR);
    const volumes = charged(this.volumeGbMs / MS_PER_HOUR, VOLUME_GB_HOUR);
    return { started, rootfs, volumes, usd: usd + rootfs.usd + volumes.usd };
  }

  private begin(id: string, interval: Omit<Interval, "since">): void {
    const previous = this.running.get(id);
    if (previous !== undefined) this.book(previous);
    if (interval.charge === "nothing") this.running.delete(id);
    else this.running.set(id, { ...interval, since: this.now() });
  }

  private book(interval: Interval): void {
    const now = this.now();
    const ms = Math.max(0, now - interval.since);
    interval.since = now;
    if (interval.charge === "rootfs") this.rootfsGbMs += ms * interval.gb;
    if (interval.charge === "volume") this.volumeGbMs += ms * interval.gb;
    if (interval.charge !== "started" || interval.size === undefined) return;
    const name = `${guestSizeName(interval.size)} in ${interval.region}`;
    const total = this.startedMs.get(name) ?? { size: interval.size, region: interval.region, ms: 0 };
    total.ms += ms;
    this.startedMs.set(name, total);
  }
}

const charged = (gbHours: number, price: number): { gbHours: number; usd: number } => ({
  gbHours,
  usd: gbHours * price,
});
