/** Which volume is left over: only one that fails no part of the rule. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObservedVolume, VolumeState } from "../../providers/provider.js";
import { ORPHAN_GRACE_MS } from "../plan/orphans.js";
import { judgeVolume, mountedVolumes, type VolumeRule } from "./orphanVolumes.js";
import { volumeName } from "../volumes/volumeNames.js";

const ownership = { deploymentUrl: "https://a.convex.cloud", poolKey: "default" };
const stranger = { deploymentUrl: "https://b.convex.cloud", poolKey: "default" };
const NOW = 1_000_000_000;

const facts = fc.record({
  isOurs: fc.boolean(),
  isAttached: fc.boolean(),
  isMounted: fc.boolean(),
  isWanted: fc.boolean(),
  ageMs: fc.constantFrom(-5, 0, ORPHAN_GRACE_MS - 1, ORPHAN_GRACE_MS, 10 * ORPHAN_GRACE_MS, NOW),
  state: fc.constantFrom<VolumeState>("ready", "leaving", "unknown"),
});

describe("judging a volume", () => {
  it("takes it for left over only if every single part of the rule holds", () => {
    fc.assert(
      fc.property(facts, ({ isOurs, isAttached, isMounted, isWanted, ageMs, state }) => {
        const volume: ObservedVolume = {
          volumeId: "vol_1",
          name: volumeName(isOurs ? ownership : stranger, "data", "wabc"),
          region: "fra",
          state,
          attachedMachineId: isAttached ? "m1" : null,
          createdAt: NOW - ageMs,
        };
        const rule: VolumeRule = {
          ownership,
          wantedBy: new Set(isWanted ? ["wabc"] : ["wxyz"]),
          mounted: mountedVolumes([{}, { volumeId: isMounted ? "vol_1" : "vol_2" }]),
          now: NOW,
        };
        const isFree = !isAttached && !isMounted && !isWanted;
        // One whose age nobody tells counts as young.
        const isOld = ageMs >= ORPHAN_GRACE_MS && ageMs < NOW;
        const expected = isFree && isOld && state === "ready" ? "orphan" : "kept";
        expect(judgeVolume(volume, rule)).toBe(isOurs ? expected : "foreign");
      }),
    );
  });
});
