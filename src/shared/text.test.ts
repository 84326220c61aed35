import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shorten } from "./text.js";

describe("a shortened text", () => {
  it("is the text itself when that is short enough", () => {
    expect(shorten("hello", 5)).toBe("hello");
  });

  it("ends before a character that would be cut in two", () => {
    expect(shorten("ab\u{1F600}", 3)).toBe("ab");
    expect(shorten("ab\u{1F600}", 4)).toBe("ab\u{1F600}");
  });

  it("is a prefix, at most one shorter than asked for, and has a UTF-8 form whenever the text has", () => {
    const texts = fc.string({ unit: "grapheme", maxLength: 40 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 50 }), (text, max) => {
        const short = shorten(text, max);
        expect(text.startsWith(short)).toBe(true);
        expect(short.length).toBeLessThanOrEqual(max);
        expect(short.length).toBeGreaterThanOrEqual(Math.min(text.length, max) - 1);
        expect(() => encodeURIComponent(short)).not.toThrow();
      }),
    );
  });
});
