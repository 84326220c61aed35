import { describe, expect, it } from "vitest";
import {
  boundedLimit,
  byteLength,
  requireIdentifier,
  requireIntegerBetween,
  requireMetadata,
  requireTextWithin,
} from "./validation.js";

const refusal = (argument: string) =>
  expect.objectContaining({
    data: { kind: "invalid_argument", argument, message: expect.any(String) as string },
  }) as Error;

function refused(argument: string, check: () => unknown): void {
  expect(check).toThrow(refusal(argument));
}

describe("checks of arguments", () => {
  it("count text as UTF-8, which is what a document holds", () => {
    expect([byteLength("abc"), byteLength("\u20ac"), byteLength("\u{1F600}")]).toEqual([3, 3, 4]);
    expect(requireTextWithin("text", "\u20ac", 3)).toBe("\u20ac");
    refused("text", () => requireTextWithin("text", "\u20ac", 2));
  });

  it("take identifiers of 1 to 256 bytes that are not blank", () => {
    expect(requireIdentifier("key", "a b")).toBe("a b");
    expect(requireIdentifier("key", "x".repeat(256))).toHaveLength(256);
    for (const bad of ["", " \t\n", "x".repeat(257), "\u20ac".repeat(86)])
      refused("key", () => requireIdentifier("key", bad));
  });

  it("take whole numbers within their range, both ends included", () => {
    expect([requireIntegerBetween("n", 1, 1, 3), requireIntegerBetween("n", 3, 1, 3)]).toEqual([1, 3]);
    for (const bad of [0, 4, 1.5, NaN, Infinity]) refused("n", () => requireIntegerBetween("n", bad, 1, 3));
  });

  it("take few and small metadata, or none", () => {
    const of = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));
    expect(() => requireMetadata("metadata", undefined)).not.toThrow();
    expect(() => requireMetadata("metadata", of(32))).not.toThrow();
    refused("metadata", () => requireMetadata("metadata", of(33)));
    refused("metadata", () => requireMetadata("metadata", { k: "x".repeat(8 * 1024) }));
  });

  it("take a limit the caller wishes for, up to the maximum, or the default", () => {
    expect([boundedLimit(undefined, 50, 200), boundedLimit(1, 50, 200), boundedLimit(200, 50, 200)]).toEqual([
      50, 1, 200,
    ]);
    refused("limit", () => boundedLimit(201, 50, 200));
    refused("limit", () => boundedLimit(0, 50, 200));
  });
});
