/** Numbers, durations and sizes as people read them; every function is pure. */
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `"3 s"`, `"4 min"`, `"2 h"`, `"5 d"`: one unit, rounded down, never negative. */
export function formatDuration(milliseconds: number): string {
  const duration = Math.max(0, milliseconds);
  if (duration < MINUTE_MS) return `${Math.floor(duration / SECOND_MS)} s`;
  if (duration < HOUR_MS) return `${Math.floor(duration / MINUTE_MS)} min`;
  if (duration < DAY_MS) return `${Math.floor(duration / HOUR_MS)} h`;
  return `${Math.floor(duration / DAY_MS)} d`;
}

/** A configured duration, exact: `90_000` is `"1 min 30 s"`, `500` is `"500 ms"`. */
export function formatExactDuration(milliseconds: number): string {
  if (milliseconds < SECOND_MS) return `${milliseconds} ms`;
  const units: [string, number][] = [
    ["d", DAY_MS],
    ["h", HOUR_MS],
    ["min", MINUTE_MS],
    ["s", SECOND_MS],
  ];
  const parts: string[] = [];
  let rest = milliseconds;
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count} ${unit}`);
    rest -= count * size;
  }
  return parts.join(" ");
}

/** `"just now"` or `"4 min ago"`; a server's clock slightly ahead of the browser's is still "just now". */
export function formatAgo(at: number, now: number): string {
  const age = now - at;
  return age < 5 * SECOND_MS ? "just now" : `${formatDuration(age)} ago`;
}

/** `"14:03"` today, `"Tue 14:03"` within the last days, `"3 May 14:03"` before. */
export function formatClock(at: number, now: number): string {
  const time = new Date(at);
  const clock = time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (time.toDateString() === new Date(now).toDateString()) return clock;
  if (now - at < 6 * DAY_MS) return `${time.toLocaleDateString("en-GB", { weekday: "short" })} ${clock}`;
  return `${time.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${clock}`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(bytes < 10 * 1024 ? 1 : 0)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** `plural(1, "machine")` is `"1 machine"`, `plural(2, "machine")` is `"2 machines"`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
