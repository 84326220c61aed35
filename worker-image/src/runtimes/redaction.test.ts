/** No value of an agent's environment is left in what its tools print, wherever the text was cut. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redacted } from "./redaction.js";

describe("redaction", () => {
  it("takes out every value that is long enough to be a secret, the longest first", () => {
    const environment = { SHORT: "eu-west", KEY: "key-12345", LONG: "key-12345-and-more" };
    expect(redacted("eu-west key-12345-and-more key-12345", environment)).toBe(
      "eu-west [LONG redacted] [KEY redacted]",
    );
  });

  it("leaves nothing of a value that a cut goes through", () => {
    // No two characters alike, so that what is left of it cannot be something else.
    const value = "0123456789abcdefghijklmnopqrstuvwxyz";
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), fc.nat(200), (before, after, at) => {
        const text = "-".repeat(before) + value + "-".repeat(after);
        const cut = Math.min(at, text.length);
        for (const piece of [text.slice(0, cut), text.slice(cut)]) {
          const left = redacted(piece, { KEY: value }).replaceAll("[KEY redacted]", "").replaceAll("-", "");
          expect(left.length).toBeLessThan(8);
        }
      }),
    );
  });
});
