/** What this tab has seen of the fleet: a short, bounded series of observations for the chart. */

export interface FleetSample {
  at: number;
  queued: number;
  processing: number;
  machines: number;
}

/** Ten minutes at one sample every two seconds: what a chart of this width can show. */
export const SAMPLE_WINDOW_MS = 10 * 60_000;
export const SAMPLE_INTERVAL_MS = 2_000;
/** Changes may come faster than the interval; this bounds them all the same. */
const MAX_SAMPLES = 1_200;

/** Appends an observation and drops what has left the window; returns the same series when nothing would change. */
export function appendSample(samples: readonly FleetSample[], sample: FleetSample): readonly FleetSample[] {
  const last = samples.at(-1);
  const unchanged =
    last !== undefined &&
    last.queued === sample.queued &&
    last.processing === sample.processing &&
    last.machines === sample.machines;
  if (unchanged && sample.at - last.at < SAMPLE_INTERVAL_MS) return samples;
  const oldest = sample.at - SAMPLE_WINDOW_MS;
  return [...samples.filter(({ at }) => at >= oldest), sample].slice(-MAX_SAMPLES);
}
