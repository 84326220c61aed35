import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextSentences } from "./spoken-text";

describe("nextSentences", () => {
  it("waits for the end of a sentence", () => {
    expect(nextSentences("I have noted th", 0)).toEqual({ spoken: "", end: 0 });
    expect(nextSentences("I have noted this. Is", 0)).toEqual({ spoken: "I have noted this.", end: 19 });
    expect(nextSentences("I have noted this. Is that all?\n", 19)).toEqual({ spoken: "Is that all?", end: 32 });
  });

  it("does not take a decimal point for an end", () => {
    expect(nextSentences("It costs 3.5", 0).spoken).toBe("");
  });

  it("speaks every sentence once, however the text arrives", () => {
    const sentence = fc.stringMatching(/^[a-z]{1,6}( [a-z]{1,6}){0,4}$/);
    fc.assert(
      fc.property(fc.array(sentence, { maxLength: 8 }), fc.array(fc.nat(40), { maxLength: 40 }), (sentences, steps) => {
        const text = sentences.map((words) => `${words}. `).join("");
        let shown = 0;
        let position = 0;
        const spoken: string[] = [];
        for (const step of [...steps, text.length]) {
          shown = Math.min(text.length, shown + step);
          const next = nextSentences(text.slice(0, shown), position);
          position = next.end;
          if (next.spoken !== "") spoken.push(next.spoken);
        }
        expect(spoken.join(" ")).toBe(text.trim());
      }),
    );
  });
});
