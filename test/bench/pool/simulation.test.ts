import { describe, expect, it } from "vitest";
import { METERED_STATES } from "./meter.js";
import { policyOf, simulate } from "./policies.js";
import { simulateProduct } from "./product.js";
import { POLICIES, toRow, type Measured, type PolicyName } from "./results.js";
import { makeTrace, TRACES, type Trace } from "./traces.js";

/** Small enough for a test, with everything in it that happens on a whole day. */
function shortened(trace: Trace): Trace {
  const messages = trace.messages.slice(0, 150);
  const lastAt = messages.at(-1)?.at ?? 0;
  return { ...trace, messages, endsAt: Math.min(trace.endsAt, lastAt + 2 * 60 * 60_000) };
}

const SEED = 7;
const CASES = TRACES.flatMap((name) => POLICIES.map((policy): [Trace["name"], PolicyName] => [name, policy]));
const traces = new Map(TRACES.map((name) => [name, shortened(makeTrace(name, SEED))]));
const runs = new Map<string, Promise<Measured>>();

/** Each case is simulated once, however many tests ask for it. Runs share a clock, so one follows the other. */
async function measuredOf(name: Trace["name"], policy: PolicyName): Promise<Measured> {
  const key = `${name} ${policy}`;
  const run = runs.get(key) ?? simulate(traces.get(name)!, policy, SEED);
  runs.set(key, run);
  return await run;
}

describe.each(CASES)("a simulation of %s under %s", (name, policy) => {
  it("answers every message once, and none before it came", async () => {
    const { waits } = await measuredOf(name, policy);
    expect(waits).toHaveLength(traces.get(name)!.messages.length);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
  });

  it("books every second of every machine in exactly one state", async () => {
    const { meter, lifetimeMs } = await measuredOf(name, policy);
    const booked = METERED_STATES.reduce((sum, state) => sum + meter.secondsIn(state), 0);
    expect(booked).toBeCloseTo(lifetimeMs / 1_000, 6);
    const { machineSeconds, restingSeconds } = meter.bill();
    expect(machineSeconds + restingSeconds).toBeLessThanOrEqual(booked + 1e-6);
  });

  it("is never cheaper, nor quicker, than the bound", async () => {
    const row = toRow(name, policy, await measuredOf(name, policy));
    const bound = toRow(name, "bound", await measuredOf(name, "bound"));
    expect(row.usd).toBeGreaterThanOrEqual(bound.usd);
    expect(row.machineSeconds).toBeGreaterThanOrEqual(bound.machineSeconds);
    for (const wait of ["p50WaitMs", "p95WaitMs", "p99WaitMs"] as const) {
      expect(row[wait]).toBeGreaterThanOrEqual(bound[wait]);
    }
  });

  it("gives the same figures for the same seed", async () => {
    const first = toRow(name, policy, await measuredOf(name, policy));
    const second = toRow(name, policy, await simulate(traces.get(name)!, policy, SEED));
    expect(second).toEqual(first);
  });
});

describe("the product's pool", () => {
  it("never has more machines than its policy allows, and still answers everybody", async () => {
    const trace = traces.get("spike")!;
    const { meter, waits } = await simulateProduct(
      trace,
      policyOf("conversation", { maxWorkers: 5, warmWorkers: 0 }),
      SEED,
    );
    expect(meter.peakMachines).toBeLessThanOrEqual(5);
    expect(waits.length).toBeGreaterThan(0);
  });

  it("makes one machine for any number of messages of one conversation", async () => {
    const messages = Array.from({ length: 50 }, (_, index) => ({
      at: index,
      conversationId: "c",
      userId: "u",
      turnMs: 1_000,
    }));
    const trace: Trace = { name: "hot_user", messages, endsAt: 60 * 60_000 };
    const { meter, waits } = await simulateProduct(trace, policyOf("conversation", { warmWorkers: 0 }), SEED);
    expect(meter.peakMachines).toBe(1);
    expect(waits).toHaveLength(50);
  });

  it("gives another seed other figures", async () => {
    const rows = await Promise.all(
      [1, 2].map(async (seed) => {
        const trace = makeTrace("hot_user", seed);
        return toRow("hot_user", "bound", await simulate(trace, "bound", seed));
      }),
    );
    expect(rows[0]).not.toEqual(rows[1]);
  });
});
