/** How many messages are done per minute, from two windows per counter row: a pure sliding estimate. */

/** Five minutes: long enough for slow turns to average out, short enough to show an outage while it lasts. */
export const THROUGHPUT_WINDOW_MS = 5 * 60_000;

export type Windows = { windowAt: number; windowDone: number; previousDone: number };

/** The windows as they stand at `now`: the current one has begun at most {@link THROUGHPUT_WINDOW_MS} ago. */
export function windowsAt({ windowAt, windowDone, previousDone }: Windows, now: number): Windows {
  const startedAt = now - (now % THROUGHPUT_WINDOW_MS);
  if (windowAt === startedAt) return { windowAt, windowDone, previousDone };
  const isNext = windowAt === startedAt - THROUGHPUT_WINDOW_MS;
  return { windowAt: startedAt, windowDone: 0, previousDone: isNext ? windowDone : 0 };
}

/** Done per minute over the last {@link THROUGHPUT_WINDOW_MS}, taking the older window as evenly filled. */
export function perMinute(rows: Windows[], now: number): number {
  const share = 1 - (now % THROUGHPUT_WINDOW_MS) / THROUGHPUT_WINDOW_MS;
  const done = rows
    .map((row) => windowsAt(row, now))
    .reduce((total, { windowDone, previousDone }) => total + windowDone + previousDone * share, 0);
  return (done * 60_000) / THROUGHPUT_WINDOW_MS;
}
