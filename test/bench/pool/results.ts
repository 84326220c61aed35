/** What a run of one policy on one trace comes to. */
import { percentiles } from "../percentiles.js";
import type { Meter } from "./meter.js";
import type { TraceName } from "./traces.js";

export const POLICIES = ["original", "conversation", "user", "shared", "bound"] as const;
export type PolicyName = (typeof POLICIES)[number];

export type PoolRow = {
  trace: TraceName;
  policy: PolicyName;
  /** Seconds for which machines were billed as started. */
  machineSeconds: number;
  /** Started seconds, and the storage of machines at rest. */
  usd: number;
  /** From the acceptance of a message until its turn runs, with its workspace in place. */
  p50WaitMs: number;
  p95WaitMs: number;
  p99WaitMs: number;
  /** Requests to the provider's API, also refused ones. */
  providerCalls: number;
  /** Machines that existed at once, whatever their state. */
  peakMachines: number;
};

/** What a simulation has measured, before it is put into figures. */
export type Measured = {
  meter: Meter;
  /** One per message, ms. */
  waits: number[];
  providerCalls: number;
  /** The waits by what the message met when it came. */
  met: Record<string, number[]>;
  /** Of all machines together, from their creation to their end. */
  lifetimeMs: number;
};

export function toRow(trace: TraceName, policy: PolicyName, { meter, waits, providerCalls }: Measured): PoolRow {
  const { p50Ms, p95Ms, p99Ms } = percentiles(waits);
  const { machineSeconds, usd } = meter.bill();
  return {
    trace,
    policy,
    machineSeconds: Math.round(machineSeconds),
    usd: Math.round(usd * 1e6) / 1e6,
    p50WaitMs: Math.round(p50Ms),
    p95WaitMs: Math.round(p95Ms),
    p99WaitMs: Math.round(p99Ms),
    providerCalls,
    peakMachines: meter.peakMachines,
  };
}
