/** The five policies of the bench, and what the product's own are told beyond its defaults. */
import { DEFAULT_SCALING_POLICY, type ScalingPolicy } from "../../../src/shared/provider-config.js";
import { simulateBound } from "./bound.js";
import { simulateOriginal } from "./original.js";
import { simulateProduct } from "./product.js";
import type { Measured, PolicyName } from "./results.js";
import type { Trace } from "./traces.js";

type Isolation = Exclude<PolicyName, "original" | "bound">;

/**
 * Room for a thousand users, which is a question of size, not of economy; and machines at the rate that Fly lets them be
 * made at, as many in one run as it can ask for.
 */
const SIZE = { maxWorkers: 1_000, spawnStep: 20 } as const;
/**
 * Spares for conversations that have no machine: about as many as come while one is being replaced (0.07 a second at the
 * busiest hour of the office day, for some 25 s), and a few more, since one that sleeps costs next to nothing.
 */
const WARM_WORKERS = 6;

/** All that is not said here is as the product has it when nobody says anything. */
export function policyOf(isolation: Isolation, change: Partial<ScalingPolicy> = {}): ScalingPolicy {
  return { ...DEFAULT_SCALING_POLICY, ...SIZE, warmWorkers: WARM_WORKERS, isolation, ...change };
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
      return await simulateProduct(trace, policyOf(policy), seed);
  }
}
