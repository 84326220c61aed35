/** Percentiles of measured durations. */

export type Percentiles = { p50Ms: number; p95Ms: number; p99Ms: number; n: number };

/** Nearest-rank percentiles in ms with one decimal. Throws without samples: a bench that measured nothing has failed. */
export function percentiles(samples: readonly number[]): Percentiles {
  if (samples.length === 0) throw new Error("Nothing was measured.");
  const sorted = [...samples].sort((left, right) => left - right);
  const at = (fraction: number) => {
    const rank = Math.min(sorted.length - 1, Math.max(0, Math.ceil(fraction * sorted.length) - 1));
    return Math.round((sorted[rank] ?? 0) * 10) / 10;
  };
  return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), n: sorted.length };
}
