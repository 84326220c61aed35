import { describe, expect, it } from "vitest";
import { poolChart } from "./chart.js";
import { withSections } from "./docs-page.js";
import { POLICIES, type PoolRow } from "./results.js";
import { TRACES } from "./traces.js";

describe("withSections", () => {
  const page = "# Page\n\n<!-- bench:pool a -->\nold\n<!-- /bench:pool -->\n\nText.\n";

  it("replaces what stands between the marks, and nothing else", () => {
    const renewed = withSections(page, { a: "new" });
    expect(renewed).toBe("# Page\n\n<!-- bench:pool a -->\n\nnew\n\n<!-- /bench:pool -->\n\nText.\n");
    expect(withSections(renewed, { a: "new" }).replaceAll(/\n+/g, "\n")).toBe(renewed.replaceAll(/\n+/g, "\n"));
  });

  it("does not lose a table for which the page has no place", () => {
    expect(() => withSections(page, { b: "new" })).toThrow('no place for "b"');
  });
});

describe("poolChart", () => {
  it("has two bars for every row, and no figure that is no number", () => {
    const rows = TRACES.flatMap((trace) =>
      POLICIES.map((policy): PoolRow => {
        const figures = { machineSeconds: 1, usd: 0, p50WaitMs: 0, p95WaitMs: 0, p99WaitMs: 0 };
        return { trace, policy, ...figures, providerCalls: 0, peakMachines: 0 };
      }),
    );
    const svg = poolChart(rows);
    expect(svg.match(/<rect x=/g)).toHaveLength(2 * rows.length);
    expect(svg).not.toContain("NaN");
    expect(svg.startsWith("<svg ")).toBe(true);
  });
});
