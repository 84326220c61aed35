import { describe, expect, it } from "vitest";
import { nextCooldowns, REGION_COOLDOWN_MS, regionsToTry } from "./regions.js";

const NOW = 1_000_000;

describe("regions", () => {
  it("are tried in their order, without those that were just full", () => {
    expect(regionsToTry(["fra", "ams", "cdg"], [], NOW)).toEqual(["fra", "ams", "cdg"]);
    expect(regionsToTry(["fra", "ams", "cdg"], [{ region: "fra", until: NOW + 1 }], NOW)).toEqual(["ams", "cdg"]);
    expect(regionsToTry(["fra", "ams"], [{ region: "fra", until: NOW }], NOW)).toEqual(["fra", "ams"]);
  });

  it("are tried one at a time when all of them were full: the one that was so first", () => {
    const cooldowns = [
      { region: "fra", until: NOW + 2 },
      { region: "ams", until: NOW + 1 },
    ];
    expect(regionsToTry(["fra", "ams"], cooldowns, NOW)).toEqual(["ams"]);
  });

  it("are remembered as full for a while, and no longer", () => {
    const first = nextCooldowns([], ["fra"], NOW);
    expect(first).toEqual([{ region: "fra", until: NOW + REGION_COOLDOWN_MS }]);
    const second = nextCooldowns(first, ["ams"], NOW + 1_000);
    expect(second.map(({ region }) => region)).toEqual(["fra", "ams"]);
    expect(nextCooldowns(second, [], NOW + REGION_COOLDOWN_MS)).toHaveLength(1);
    expect(nextCooldowns(second, ["fra"], NOW + 5_000)).toHaveLength(2);
  });
});
