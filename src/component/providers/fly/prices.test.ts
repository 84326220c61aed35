import { describe, expect, it } from "vitest";
import { machineUsdPerDay, volumeUsdPerDay } from "./prices.js";

describe("estimated prices", () => {
  // Fly's table "Everything we bill for", in USD for 30 days in iad.
  it.each([
    ["shared", 1, 256, 2.19],
    ["shared", 1, 512, 3.69],
    ["shared", 2, 2_048, 13.39],
    ["performance", 1, 2_048, 33.0],
    ["performance", 2, 4_096, 66.0],
  ])("of a running machine are Fly's: %s %i x %i MB", (cpuKind, cpus, memoryMb, usd) => {
    const perDay = machineUsdPerDay("running", { cpuKind, cpus, memoryMb });
    expect(Math.round(perDay * 30 * 100) / 100).toBe(usd);
  });

  it("are those of storage for what is at rest, and nothing for what is going", () => {
    const guest = { cpuKind: "shared", cpus: 1, memoryMb: 512 };
    expect(machineUsdPerDay("suspended", guest) * 30).toBeCloseTo(0.15, 9);
    expect(machineUsdPerDay("leaving", guest)).toBe(0);
    expect(volumeUsdPerDay("ready", 10) * 30).toBeCloseTo(1.5, 9);
    expect(volumeUsdPerDay("leaving", 10)).toBe(0);
  });

  it("count what nobody knows the state of as running", () => {
    const guest = { cpuKind: "shared", cpus: 1, memoryMb: 512 };
    expect(machineUsdPerDay("unknown", guest)).toBe(machineUsdPerDay("running", guest));
  });
});
