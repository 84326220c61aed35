/** Jumps of either clock are noticed, ordinary delays are not. */
import { describe, expect, it } from "vitest";
import { hasJumped } from "./clock-watch.js";

const at = (wallMs: number, monotonicMs: number) => ({ wallMs, monotonicMs });

describe("hasJumped", () => {
  const before = at(1_000_000, 5_000);
  const cases: [string, ReturnType<typeof at>, boolean][] = [
    ["on time", at(1_000_250, 5_250), false],
    ["a busy machine", at(1_006_000, 11_000), false],
    ["a suspension that both clocks saw", at(1_062_000, 67_000), true],
    ["a suspension that only the wall clock saw", at(1_062_000, 5_250), true],
    ["a short one that only the wall clock saw", at(1_002_000, 5_250), true],
    ["a clock that was set back", at(900_000, 5_250), true],
    ["a clock that was corrected a little", at(1_000_650, 5_250), false],
  ];
  for (const [what, now, expected] of cases) {
    it(`${what}: ${expected}`, () => expect(hasJumped(before, now, 250)).toBe(expected));
  }
});
