import { describe, expect, it } from "vitest";
import { parseDuration } from "./duration.js";

describe("parseDuration", () => {
  it.each([
    ["5s", 5_000],
    ["1m30s", 90_000],
    ["250ms", 250],
    ["1.5s", 1_500],
    ["2h", 7_200_000],
    ["10", 10_000],
    ["0s", 0],
    [2_000_000_000, 2_000],
  ])("reads %s", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each([["five"], ["5 s"], ["-5s"], [""], [null], [undefined], [-1], [{}], ["5s!"]])("refuses %s", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});
