/**
 * What Fly charges, in USD, for estimates: machine prices of the cheapest regions, without allowances and discounts.
 *
 * Source: https://fly.io/docs/about/pricing/, autumn 2026. Regions cost up to 1.6 times as much.
 */
import type { MachineState, VolumeState } from "../provider.js";

const DAY_SECONDS = 24 * 60 * 60;
/** Per vCPU and second; a shared vCPU brings 256 MB, a performance vCPU 2 GB of memory. */
const VCPU_SECOND = { shared: 0.000_000_843, performance: 0.000_012_732 } as const;
const INCLUDED_MB_PER_VCPU = { shared: 256, performance: 2_048 } as const;
/** Memory beyond what the vCPUs bring. */
const ADDITIONAL_GB_SECOND = 0.000_002_32;
/** Root file systems of machines at rest, and volumes by provisioned size: 0.15 USD per GB and 30 days. */
const STORED_GB_DAY = 0.15 / 30;
/** The API does not say how large an image is unpacked; the worker's is about this. */
const ASSUMED_ROOTFS_GB = 1;

export type Guest = { cpuKind: string; cpus: number; memoryMb: number };

export function machineUsdPerDay(state: MachineState, { cpuKind, cpus, memoryMb }: Guest): number {
  switch (state) {
    case "leaving":
    case "gone":
      return 0;
    case "suspended":
    case "halted":
      return ASSUMED_ROOTFS_GB * STORED_GB_DAY;
    case "booting":
    case "running":
    case "unknown": {
      const kind = cpuKind === "performance" ? "performance" : "shared";
      const additionalGb = Math.max(0, memoryMb - cpus * INCLUDED_MB_PER_VCPU[kind]) / 1_024;
      return (cpus * VCPU_SECOND[kind] + additionalGb * ADDITIONAL_GB_SECOND) * DAY_SECONDS;
    }
  }
}

/** A volume that waits for its end costs nothing. */
export function volumeUsdPerDay(state: VolumeState, sizeGb: number): number {
  return state === "leaving" ? 0 : sizeGb * STORED_GB_DAY;
}
