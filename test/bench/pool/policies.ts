/** The five policies of the bench, and what the product's own are told beyond its defaults. */
import { DEFAULT_SCALING_POLICY, type ScalingPolicy } from "../../../src/shared/provider-config.js";
import { simulateBound } from "./bound.js";
import { simulateOriginal } from "./original.js";
import { simulateProduct } from "./product.js";
import type { Measured, PolicyName } from "./results.js";
import type { Trace, TraceName } from "./traces.js";

type Isolation = Exclude<PolicyName, "original" | "bound">;

/**
 * Room for a thousand users, which is a question of size, not of economy; and machines at the rate that Fly lets them be
 * made at, as many in one run as it can ask for.
 */
const SIZE = { maxWorkers: 1_000, spawnStep: 20 } as const;
/** When letting go pays, solved in docs/pool-economics.md; shorter than the defaults, which are for a handful of people. */
const PAUSES = { suspendAfterMs: 10_000, retireAfterMs: 4 * 60_000 } as const;
/**
 * Spares for conversations that have no machine, as an operator sizes them who knows the load: about as many as come while
 * one is being replaced (0.07 a second at the busiest hour of the office day, for some 25 s), and a root of that more.
 */
const WARM_WORKERS: Record<TraceName, number> = { office_day: 4, spike: 2, long_tail: 2, hot_user: 0 };

/** All that is not said here is as the product has it when nobody says anything. */
export function policyOf(trace: TraceName, isolation: Isolation, change: Partial<ScalingPolicy> = {}): ScalingPolicy {
  // A shared pool needs no spares: any machine serves anybody.
  const warmWorkers = isolation === "shared" ? 0 : WARM_WORKERS[trace];
  return { ...DEFAULT_SCALING_POLICY, ...SIZE, ...PAUSES, isolation, warmWorkers, ...change };
}

export async function simulate(trace: Trace, policy: PolicyName, seed: number): Promise<Measured> {
  switch (policy) {
    case "bound":
      return simulateBound(trace);
    case "original":
      return await simulateOriginal(trace, seed);
    case "conversation":
    case "user":
    case "shared":
      return await simulateProduct(trace, policyOf(trace.name, policy), seed);
  }
}
