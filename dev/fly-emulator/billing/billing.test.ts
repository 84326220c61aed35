import { describe, expect, it } from "vitest";
import { type MachineRecord, type MachineState } from "../model/machine.js";
import { readConfiguration } from "../model/configuration.js";
import { type VolumeRecord } from "../model/volume.js";
import { BillingMeter } from "./meter.js";
import { guestSizeName, started30DaysPrice, startedSecondPrice } from "./prices.js";

const HOUR = 3_600_000;

describe("prices", () => {
  // The table "Everything we bill for" of Fly's pricing page, for iad.
  it.each([
    ["shared", 1, 256, 2.19],
    ["shared", 1, 512, 3.69],
    ["shared", 1, 1_024, 6.7],
    ["shared", 2, 2_048, 13.39],
    ["performance", 1, 2_048, 33.0],
    ["performance", 2, 4_096, 66.0],
  ])("are Fly's to the cent: %s %i x %i MB", (cpuKind, cpus, memoryMb, usd) => {
    expect(Math.round(started30DaysPrice({ cpuKind, cpus, memoryMb }, "iad") * 100) / 100).toBe(usd);
  });

  it.each([
    ["fra", 7.73],
    ["sin", 8.5],
  ])("depend on the region: 1 GB in %s", (region, usd) => {
    const price = started30DaysPrice({ cpuKind: "shared", cpus: 1, memoryMb: 1_024 }, region);
    expect(Math.round(price * 100) / 100).toBe(usd);
  });

  it("names sizes as Fly does", () => {
    expect(guestSizeName({ cpuKind: "shared", cpus: 2, memoryMb: 512 })).toBe("shared-cpu-2x@512MB");
    expect(guestSizeName({ cpuKind: "performance", cpus: 1, memoryMb: 2_048 })).toBe("performance-1x@2048MB");
  });
});

describe("BillingMeter", () => {
  function machineIn(state: MachineState): MachineRecord {
    const config = { image: "app", guest: { cpus: 1, memory_mb: 512 } };
    return {
      app: "a",
      id: "m1",
      name: "n",
      region: "iad",
      hostId: "h",
      sequence: 1,
      privateIp: "",
      createdAt: 0,
      state,
      instanceId: "i",
      replacedInstanceIds: [],
      config,
      configuration: readConfiguration(config),
      updatedAt: 0,
      cordoned: false,
      events: [],
    };
  }

  it("charges started seconds, and only the root file system at rest", () => {
    let now = 0;
    const meter = new BillingMeter(
      () => now,
      () => 2,
    );
    const after = (ms: number, state: MachineState): void => {
      now += ms;
      meter.machineChanged(machineIn(state));
    };
    after(0, "created");
    after(5_000, "starting");
    after(1_000, "started");
    after(90_000, "suspending");
    after(1_000, "suspended");
    after(HOUR, "starting");
    after(500, "started");
    after(10_000, "stopping");
    after(500, "stopped");
    after(2 * HOUR, "destroying");
    now += 10 * HOUR;
    const bill = meter.bill();
    const price = startedSecondPrice({ cpuKind: "shared", cpus: 1, memoryMb: 512 }, "iad");
    expect(bill.started).toEqual({ "shared-cpu-1x@512MB in iad": { seconds: 100, usd: 100 * price } });
    expect(bill.rootfs.gbHours).toBeCloseTo(6, 9);
    expect(bill.rootfs.usd).toBeCloseTo((6 * 0.15) / 720, 12);
    expect(bill.usd).toBeCloseTo(100 * price + (6 * 0.15) / 720, 12);
  });

  it("charges what still runs up to the moment of the bill, once", () => {
    let now = 0;
    const meter = new BillingMeter(
      () => now,
      () => 1,
    );
    meter.machineChanged(machineIn("started"));
    now = 10_000;
    expect(meter.bill().started["shared-cpu-1x@512MB in iad"]?.seconds).toBe(10);
    expect(meter.bill().started["shared-cpu-1x@512MB in iad"]?.seconds).toBe(10);
    now = 11_000;
    expect(meter.bill().started["shared-cpu-1x@512MB in iad"]?.seconds).toBe(11);
  });

  it("charges volumes by provisioned size until they are deleted", () => {
    let now = 0;
    const meter = new BillingMeter(
      () => now,
      () => 1,
    );
    const volume: VolumeRecord = {
      app: "a",
      id: "vol_1",
      name: "v",
      region: "iad",
      zone: "z",
      hostId: "h",
      encrypted: true,
      fstype: "ext4",
      createdAt: 0,
      state: "created",
      sizeGb: 10,
      snapshotRetention: 5,
      autoBackupEnabled: true,
    };
    meter.volumeChanged(volume);
    now += HOUR;
    meter.volumeChanged({ ...volume, sizeGb: 20 });
    now += HOUR;
    meter.volumeChanged({ ...volume, sizeGb: 20, state: "pending_destroy" });
    now += 24 * HOUR;
    expect(meter.bill().volumes.gbHours).toBeCloseTo(30, 9);
    expect(meter.bill().volumes.usd).toBeCloseTo((30 * 0.15) / 720, 12);
  });
});
