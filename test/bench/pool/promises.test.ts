import { describe, expect, it } from "vitest";
import { brokenPromises, PROMISES } from "./promises.js";
import { POLICIES, type PoolRow } from "./results.js";
import { TRACES } from "./traces.js";

/** A pool that keeps each promise by a hair. */
function rowsAtTheLimit(): PoolRow[] {
  return TRACES.flatMap((trace) =>
    POLICIES.map((policy): PoolRow => {
      const none = { machineSeconds: 0, p50WaitMs: 0, p99WaitMs: 0, providerCalls: 0, peakMachines: 0 };
      const usd = { original: 10, conversation: 1.5, user: 1.5, shared: 1, bound: 0.5 }[policy];
      const p95WaitMs = { original: 20_000, conversation: 7_000, user: 7_000, shared: 7_000, bound: 0 }[policy];
      return { trace, policy, usd, p95WaitMs, ...none };
    }),
  );
}

describe("brokenPromises", () => {
  it("finds nothing where all are kept", () => {
    expect(brokenPromises(rowsAtTheLimit())).toEqual([]);
  });

  it.each(PROMISES)("finds $policy on $trace with too much $figure", ({ trace, policy, figure }) => {
    const rows = rowsAtTheLimit().map((row) =>
      row.trace === trace && row.policy === policy ? { ...row, [figure]: row[figure] * 1.01 } : row,
    );
    const broken = brokenPromises(rows);
    expect(broken).toHaveLength(1);
    expect(broken[0]).toContain(`${trace}, ${policy}`);
  });

  it("takes what is no number for broken", () => {
    const rows = rowsAtTheLimit().map((row) => (row.policy === "original" ? { ...row, usd: NaN } : row));
    expect(brokenPromises(rows)).toHaveLength(2);
  });

  it("does not take a missing row for a kept promise", () => {
    expect(() => brokenPromises(rowsAtTheLimit().slice(1))).toThrow("was not simulated");
  });
});
