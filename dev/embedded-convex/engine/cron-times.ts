/** When a cron runs next, always in UTC. Pure. */
import { z } from "zod";

const MINUTE_MS = 60_000;
const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"] as const;
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/** February 29 on a given weekday comes at least this often; an expression that never fits ends the search. */
const MAX_DAYS_AHEAD = 366 * 40;

const vMinute = z.number().int().min(0).max(59).optional();
const vHour = z.number().int().min(0).max(23);

/** As `cronJobs()` of `convex/server` stores them. */
export const vCronSchedule = z.union([
  z.object({ type: z.literal("interval"), seconds: z.number().positive() }),
  z.object({ type: z.literal("interval"), minutes: z.number().positive() }),
  z.object({ type: z.literal("interval"), hours: z.number().positive() }),
  z.object({ type: z.literal("hourly"), minuteUTC: vMinute }),
  z.object({ type: z.literal("daily"), hourUTC: vHour, minuteUTC: vMinute }),
  z.object({ type: z.literal("weekly"), dayOfWeek: z.enum(DAYS), hourUTC: vHour, minuteUTC: vMinute }),
  z.object({ type: z.literal("monthly"), day: z.number().int().min(1).max(31), hourUTC: vHour, minuteUTC: vMinute }),
  z.object({ type: z.literal("cron"), cron: z.string() }),
]);

export type CronSchedule = z.infer<typeof vCronSchedule>;

/**
 * @param lastRun when it ran last, in ms; `null` if never.
 * @param name decides the minute of a schedule that leaves it open.
 * @returns the next time in ms. A time that was missed while nothing ran is made up for once, at `now`.
 * @throws if a cron expression cannot be understood, or never comes true.
 */
export function nextRun(schedule: CronSchedule, name: string, lastRun: number | null, now: number): number {
  if (schedule.type === "interval") {
    // The first run is at once, as on Convex.
    return lastRun === null ? now : Math.max(now, lastRun + intervalMs(schedule));
  }
  return Math.max(now, nextMatch(fieldsOf(schedule, minuteFor(name)), lastRun ?? now));
}

function intervalMs(schedule: Extract<CronSchedule, { type: "interval" }>): number {
  if ("seconds" in schedule) return schedule.seconds * 1000;
  return ("minutes" in schedule ? schedule.minutes : schedule.hours * 60) * MINUTE_MS;
}

interface CronFields {
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  months: ReadonlySet<number>;
  isDay: (dayOfMonth: number, dayOfWeek: number) => boolean;
}

function fieldsOf(schedule: Exclude<CronSchedule, { type: "interval" }>, openMinute: number): CronFields {
  if (schedule.type === "cron") return parseCron(schedule.cron);
  const minute = String(schedule.minuteUTC ?? openMinute);
  switch (schedule.type) {
    case "hourly":
      return parseCron(`${minute} * * * *`);
    case "daily":
      return parseCron(`${minute} ${schedule.hourUTC} * * *`);
    case "weekly":
      return parseCron(`${minute} ${schedule.hourUTC} * * ${DAYS.indexOf(schedule.dayOfWeek)}`);
    case "monthly":
      return parseCron(`${minute} ${schedule.hourUTC} ${schedule.day} * *`);
  }
}

/** The first full minute after `after` that fits. */
function nextMatch(fields: CronFields, after: number): number {
  const first = Math.floor(after / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  const start = new Date(first);
  for (let dayAhead = 0; dayAhead < MAX_DAYS_AHEAD; dayAhead += 1) {
    const day = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate() + dayAhead));
    if (!fields.months.has(day.getUTCMonth() + 1) || !fields.isDay(day.getUTCDate(), day.getUTCDay())) continue;
    for (let hour = 0; hour < 24; hour += 1) {
      if (!fields.hours.has(hour)) continue;
      for (let minute = 0; minute < 60; minute += 1) {
        const time = day.getTime() + (hour * 60 + minute) * MINUTE_MS;
        if (fields.minutes.has(minute) && time >= first) return time;
      }
    }
  }
  throw new Error("The cron's schedule never comes true.");
}

/** Minute, hour, day of month, month, day of week: `*`, numbers, names, ranges, steps and lists. */
function parseCron(expression: string): CronFields {
  const parts = expression.trim().split(/\s+/);
  const [minute, hour, dayOfMonth, month, dayOfWeek] = parts;
  if (parts.length !== 5 || !minute || !hour || !dayOfMonth || !month || !dayOfWeek) {
    throw new Error(`The cron expression "${expression}" must have five fields.`);
  }
  const days = parseField(dayOfMonth, 1, 31);
  const weekdays = new Set(
    [
      ...parseField(
        dayOfWeek,
        0,
        7,
        DAYS.map((name) => name.slice(0, 3)),
      ),
    ].map((day) => day % 7),
  );
  const isAnyDate = /^[*?]/.test(dayOfMonth);
  const isAnyWeekday = /^[*?]/.test(dayOfWeek);
  return {
    minutes: parseField(minute, 0, 59),
    hours: parseField(hour, 0, 23),
    months: parseField(month, 1, 12, ["", ...MONTHS]),
    // When both are restricted, either will do: so cron has it since 1987.
    isDay: (date, weekday) =>
      isAnyDate || isAnyWeekday ? days.has(date) && weekdays.has(weekday) : days.has(date) || weekdays.has(weekday),
  };
}

function parseField(field: string, min: number, max: number, names: readonly string[] = []): Set<number> {
  const values = new Set<number>();
  for (const part of field.split(",")) {
    const [, range = "", step = "1"] = /^([^/]+)(?:\/(\d+))?$/.exec(part) ?? [];
    const [from, to] = parseRange(range, part.includes("/"), min, max, names);
    if (!(from >= min && to <= max && from <= to && Number(step) > 0)) {
      throw new Error(`"${part}" is not a valid part of a cron expression: it must lie within ${min} and ${max}.`);
    }
    for (let value = from; value <= to; value += Number(step)) values.add(value);
  }
  return values;
}

function parseRange(
  range: string,
  hasStep: boolean,
  min: number,
  max: number,
  names: readonly string[],
): [number, number] {
  if (range === "*" || range === "?") return [min, max];
  const number = (text: string): number => {
    const named = names.indexOf(text.toLowerCase());
    return named >= 0 && text !== "" ? named : /^\d+$/.test(text) ? Number(text) : NaN;
  };
  const [from = "", to] = range.split("-");
  // `5/15` begins at 5 and goes on to the end.
  return [number(from), to === undefined ? (hasStep ? max : number(from)) : number(to)];
}

/** Any minute will do, but it must be the same one after a restart. */
function minuteFor(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 60_000;
  return hash % 60;
}
