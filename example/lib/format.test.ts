import { describe, expect, it } from "vitest";
import { formatAgo, formatBytes, formatClock, formatDuration, formatExactDuration, plural } from "./format";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("durations", () => {
  it.each([
    [0, "0 s"],
    [59_999, "59 s"],
    [MINUTE, "1 min"],
    [HOUR - 1, "59 min"],
    [25 * HOUR, "1 d"],
    [-5 * SECOND, "0 s"],
  ])("%d ms passed is %s", (milliseconds, words) => expect(formatDuration(milliseconds)).toBe(words));

  it.each([
    [500, "500 ms"],
    [90 * SECOND, "1 min 30 s"],
    [5 * MINUTE, "5 min"],
    [DAY, "1 d"],
    [DAY + 2 * HOUR + 3 * SECOND, "1 d 2 h 3 s"],
  ])("a setting of %d ms is exactly %s", (milliseconds, words) =>
    expect(formatExactDuration(milliseconds)).toBe(words),
  );

  it("takes a server clock slightly ahead of the browser's for now", () => {
    expect(formatAgo(10_000, 9_000)).toBe("just now");
    expect(formatAgo(10_000, 14_999)).toBe("just now");
    expect(formatAgo(10_000, 75_000)).toBe("1 min ago");
  });
});

describe("clock", () => {
  const now = new Date(2026, 4, 13, 15, 0).getTime();
  it("shows the day only when it is not today", () => {
    expect(formatClock(new Date(2026, 4, 13, 9, 5).getTime(), now)).toBe("09:05");
    expect(formatClock(new Date(2026, 4, 11, 9, 5).getTime(), now)).toBe("Mon 09:05");
    expect(formatClock(new Date(2026, 3, 2, 9, 5).getTime(), now)).toBe("2 Apr 09:05");
  });
});

describe("sizes and counts", () => {
  it("rounds sizes to what is worth reading", () => {
    expect([0, 1023, 1536, 131_072, 5 * 1024 * 1024].map(formatBytes)).toEqual([
      "0 B",
      "1023 B",
      "1.5 KB",
      "128 KB",
      "5.0 MB",
    ]);
  });

  it("counts nouns", () => {
    expect([plural(0, "machine"), plural(1, "machine"), plural(1200, "machine")]).toEqual([
      "0 machines",
      "1 machine",
      "1,200 machines",
    ]);
  });
});
