/** `npm run bench:pool -- --sweep`: how bill and wait change with each setting of the policy, one at a time. */
import type { ScalingPolicy } from "../../../src/shared/provider-config.js";
import { percentiles } from "../percentiles.js";
import { policyOf, simulate } from "./policies.js";
import { simulateProduct } from "./product.js";
import { makeTrace, type TraceName } from "./traces.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

type Swept = { isolation: "conversation" | "shared"; trace: TraceName; setting: keyof ScalingPolicy; values: number[] };

const SWEPT: Swept[] = [
  {
    isolation: "conversation",
    trace: "office_day",
    setting: "suspendAfterMs",
    values: [2, 5, 10, 15, 20, 30, 60, 120].map((count) => count * SECOND),
  },
  {
    isolation: "shared",
    trace: "office_day",
    setting: "suspendAfterMs",
    values: [2, 5, 10, 15, 20, 30, 60].map((count) => count * SECOND),
  },
  ...(["office_day", "long_tail"] as const).map((trace): Swept => {
    const values = [2 * MINUTE, 7 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, 24 * HOUR];
    return { isolation: "conversation", trace, setting: "retireAfterMs", values };
  }),
  ...(["office_day", "long_tail"] as const).map((trace): Swept => {
    return { isolation: "conversation", trace, setting: "warmWorkers", values: [0, 1, 2, 3, 4, 6, 8, 12] };
  }),
];

export type SweepRow = {
  trace: TraceName;
  isolation: string;
  setting: string;
  value: number;
  usdToOriginal: number;
  usdToBound: number;
  p50WaitMs: number;
  p95WaitMs: number;
  p95ToOriginal: number;
  peakMachines: number;
};

export async function sweep(seed: number, log: (line: string) => void): Promise<SweepRow[]> {
  const rows: SweepRow[] = [];
  for (const { isolation, trace: name, setting, values } of SWEPT) {
    const trace = makeTrace(name, seed);
    const original = await simulate(trace, "original", seed);
    const bound = await simulate(trace, "bound", seed);
    const originalWaits = percentiles(original.waits);
    for (const value of values) {
      log(`${name}, ${isolation}: ${setting} ${value}`);
      const { meter, waits } = await simulateProduct(trace, policyOf(isolation, { [setting]: value }), seed);
      const { usd } = meter.bill();
      const { p50Ms, p95Ms } = percentiles(waits);
      rows.push({
        trace: name,
        isolation,
        setting,
        value,
        usdToOriginal: ratio(usd, original.meter.bill().usd),
        usdToBound: ratio(usd, bound.meter.bill().usd),
        p50WaitMs: Math.round(p50Ms),
        p95WaitMs: Math.round(p95Ms),
        p95ToOriginal: ratio(p95Ms, originalWaits.p95Ms),
        peakMachines: meter.peakMachines,
      });
    }
  }
  return rows;
}

function ratio(value: number, to: number): number {
  return Math.round((value / to) * 1_000) / 1_000;
}
