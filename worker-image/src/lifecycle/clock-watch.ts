/** Notices that time has passed without this process: it was suspended, or the system's clock was set. */
import { monotonicMs } from "../timing.js";

/** Whoever wrote to a sleeping worker waits for this tick. Four readings of two clocks a second cost nothing that shows. */
const TICK_MS = 250;
/** A busy machine delays a timer by this much without anything being wrong. */
const LATE_MS = 6_000;
/**
 * Both clocks tick alike, however busy the machine is, but a resumed machine's monotonic clock goes on from where it stopped
 * while the system's is set to what it is by then. Corrections of a running clock are smaller than this.
 */
const APART_MS = 1_000;

export type Clocks = { wallMs: number; monotonicMs: number };

/** Whether more or less time than expected lies between two readings, on either clock. Pure. */
export function hasJumped(before: Clocks, now: Clocks, expectedMs: number): boolean {
  const wall = now.wallMs - before.wallMs;
  const monotonic = now.monotonicMs - before.monotonicMs;
  return monotonic - expectedMs > LATE_MS || Math.abs(wall - monotonic) > APART_MS;
}

const readClocks = (): Clocks => ({ wallMs: Date.now(), monotonicMs: monotonicMs() });

/** Calls `onJump` after each jump, until the returned function is called. */
export function watchClock(onJump: (wallMs: number) => void): () => void {
  let before = readClocks();
  const timer = setInterval(() => {
    const now = readClocks();
    const jumped = hasJumped(before, now, TICK_MS);
    const wallMs = now.wallMs - before.wallMs;
    before = now;
    if (jumped) onJump(wallMs);
  }, TICK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
