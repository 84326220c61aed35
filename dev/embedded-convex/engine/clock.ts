/** The engine's clock: the machine's, plus whatever a test has moved it forward by. */
import { clearTimeout, setTimeout } from "node:timers";

/** Node's timers take no longer delays, and fire at once when given one. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Functions may replace `Date` for themselves; the engine's own time must not follow. */
const RealDate = Date;

export interface Alarm {
  /** Calls back at `time` (ms since 1970), however far that is; an earlier request is forgotten. */
  set(time: number): void;
  clear(): void;
}

export class Clock {
  private offsetMs = 0;
  private readonly alarms = new Set<() => void>();

  now(): number {
    return RealDate.now() + this.offsetMs;
  }

  /** Moves the clock forward; what becomes due is done at once. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new Error(`The clock cannot be moved by ${ms} ms: it only goes forward.`);
    this.offsetMs += ms;
    for (const rearm of this.alarms) rearm();
  }

  createAlarm(ring: () => void): Alarm {
    let timer: NodeJS.Timeout | undefined;
    let due: number | null = null;
    const arm = (): void => {
      clearTimeout(timer);
      if (due === null) return;
      const delay = due - this.now();
      timer = setTimeout(
        () => {
          // Clamped timers, and those that fire a little early, are armed again.
          if (due !== null && due > this.now()) {
            arm();
            return;
          }
          due = null;
          ring();
        },
        Math.min(Math.max(Math.ceil(delay), 0), MAX_TIMER_MS),
      );
    };
    this.alarms.add(arm);
    return {
      set: (time) => {
        due = time;
        arm();
      },
      clear: () => {
        due = null;
        clearTimeout(timer);
        this.alarms.delete(arm);
      },
    };
  }

  /** The `Date` that functions see, or `null` while the clock is the machine's. */
  functionDate(): DateConstructor | null {
    if (this.offsetMs === 0) return null;
    const now = (): number => this.now();
    return new Proxy(RealDate, {
      construct: (target, args: unknown[], newTarget): object => {
        const given = args.length === 0 ? [now()] : args;
        const date: object = Reflect.construct(target, given, newTarget) as Date;
        return date;
      },
      apply: () => new RealDate(now()).toString(),
      get: (target, name, receiver): unknown => (name === "now" ? now : Reflect.get(target, name, receiver)),
    });
  }
}
