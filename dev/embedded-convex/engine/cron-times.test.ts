/** When crons run, by every kind of schedule. */
import { describe, expect, it } from "vitest";
import { nextRun, type CronSchedule } from "./cron-times.js";

const at = (text: string): number => Date.parse(`${text}Z`);
const next = (schedule: CronSchedule, now: string, lastRun: string | null = null): string =>
  new Date(nextRun(schedule, "name", lastRun === null ? null : at(lastRun), at(now))).toISOString().slice(0, 19);
const cron = (expression: string, now: string): string => next({ type: "cron", cron: expression }, now);

describe("intervals", () => {
  it("run at once the first time, then after the interval, or at once if that has passed", () => {
    const schedule: CronSchedule = { type: "interval", minutes: 10 };
    expect(next(schedule, "2026-01-01T00:00:00")).toBe("2026-01-01T00:00:00");
    expect(next(schedule, "2026-01-01T00:05:00", "2026-01-01T00:00:00")).toBe("2026-01-01T00:10:00");
    expect(next(schedule, "2026-01-01T09:00:00", "2026-01-01T00:00:00")).toBe("2026-01-01T09:00:00");
  });
});

describe("schedules by the clock", () => {
  it("take the next time after now", () => {
    expect(next({ type: "hourly", minuteUTC: 5 }, "2026-01-01T00:05:00")).toBe("2026-01-01T01:05:00");
    expect(next({ type: "daily", hourUTC: 3, minuteUTC: 0 }, "2026-12-31T04:00:00")).toBe("2027-01-01T03:00:00");
    expect(next({ type: "weekly", dayOfWeek: "sunday", hourUTC: 1, minuteUTC: 2 }, "2026-11-21T00:00:00")).toBe(
      "2026-11-22T01:02:00",
    );
    expect(next({ type: "monthly", day: 31, hourUTC: 0, minuteUTC: 0 }, "2026-02-01T00:00:00")).toBe(
      "2026-03-31T00:00:00",
    );
  });

  it("make up for a missed time once", () => {
    const schedule: CronSchedule = { type: "daily", hourUTC: 3, minuteUTC: 0 };
    expect(next(schedule, "2026-01-05T12:00:00", "2026-01-01T03:00:00")).toBe("2026-01-05T12:00:00");
    expect(next(schedule, "2026-01-05T12:00:00", "2026-01-05T12:00:00")).toBe("2026-01-06T03:00:00");
  });

  it("give a job without a minute one that stays the same", () => {
    const first = next({ type: "hourly", minuteUTC: undefined }, "2026-01-01T00:00:00");
    expect(next({ type: "hourly", minuteUTC: undefined }, "2026-01-01T00:00:00")).toBe(first);
  });
});

describe("cron expressions", () => {
  it.each([
    ["*/15 * * * *", "2026-01-01T00:00:00", "2026-01-01T00:15:00"],
    ["0 0 1 1 *", "2026-01-01T00:00:00", "2027-01-01T00:00:00"],
    ["30 9 * * mon-fri", "2026-11-20T09:30:00", "2026-11-23T09:30:00"],
    ["0 12 29 feb *", "2026-01-01T00:00:00", "2028-02-29T12:00:00"],
    ["0 0 13 * 5", "2026-11-14T00:00:00", "2026-11-20T00:00:00"],
    ["0 0 * * 7", "2026-11-21T00:00:00", "2026-11-22T00:00:00"],
    ["5/20 1,2 * * *", "2026-01-01T01:46:00", "2026-01-01T02:05:00"],
    ["0-10/5 * * JAN,DEC *", "2026-01-01T00:11:00", "2026-01-01T01:00:00"],
  ])("%s after %s is %s", (expression, now, expected) => {
    expect(cron(expression, now)).toBe(expected);
  });

  it.each([
    "* * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "*/0 * * * *",
    "a * * * *",
    "5-1 * * * *",
    "0 0 30 2 *",
  ])("refuses %s", (expression) => {
    expect(() => cron(expression, "2026-01-01T00:00:00")).toThrow();
  });
});
