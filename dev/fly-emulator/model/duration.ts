/** Durations as Go writes them (`5s`, `1m30s`, `250ms`), which is how Fly's API takes them. */

const UNIT_MS: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const NANOSECONDS_PER_MS = 1_000_000;

/**
 * Milliseconds of a duration, or `undefined` when it is none.
 * A bare number is nanoseconds, as Go's own JSON has it; digits in a string are seconds, as the documentation says.
 */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === "number") return value >= 0 ? value / NANOSECONDS_PER_MS : undefined;
  if (typeof value !== "string" || value === "") return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(value)) return undefined;
  let total = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * (UNIT_MS[unit ?? ""] ?? 0);
  }
  return total;
}
