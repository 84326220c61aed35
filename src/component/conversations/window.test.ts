import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TranscriptEntry } from "../../shared/payload.js";
import { estimateTokens, fitWindow } from "./window.js";

const entry = (role: TranscriptEntry["role"], content: string): TranscriptEntry => ({ role, content, at: 0 });
const words = (count: number) => "abc".repeat(count);
const tokensOf = (entries: TranscriptEntry[]) =>
  entries.reduce((sum, { content }) => sum + estimateTokens(content) + 4, 0);

describe("a window", () => {
  it("is all that was said while there is room", () => {
    const said = [entry("assistant", "hello"), entry("user", "hi"), entry("assistant", "yes?")];
    expect(fitWindow(said, 1_000)).toEqual(said);
    expect(fitWindow([], 1_000)).toEqual([]);
  });

  it("drops the oldest, and begins with a question", () => {
    const said = [
      entry("user", words(50)),
      entry("tool", words(50)),
      entry("assistant", "one"),
      entry("user", "two?"),
      entry("assistant", "two"),
    ];
    expect(fitWindow(said, 60).map(({ content }) => content)).toEqual(["two?", "two"]);
    expect(fitWindow(said, 90).map(({ content }) => content)).toEqual(["two?", "two"]);
    expect(fitWindow(said, 200)).toEqual(said);
  });

  it("keeps an answer whose question has no room", () => {
    const said = [entry("user", words(500)), entry("tool", words(10)), entry("assistant", "done")];
    expect(fitWindow(said, 50).map(({ role }) => role)).toEqual(["tool", "assistant"]);
  });

  it("keeps both ends of an entry that has no room at all", () => {
    const [only, ...others] = fitWindow([entry("user", "first"), entry("assistant", `start ${words(5_000)} end`)], 200);
    expect(others).toEqual([]);
    expect(only?.content).toMatch(/^start abc/);
    expect(only?.content).toMatch(/abc end$/);
    expect(only?.content).toMatch(/\n\[\.\.\. \d+ characters are left out here \.\.\.\]\n/);
    expect(tokensOf([only ?? entry("user", "")])).toBeLessThanOrEqual(200);
  });

  it("never exceeds its budget, never cuts a character, and always ends with the newest", () => {
    const text = fc.string({ unit: "binary", maxLength: 300 }).map((some) => some.repeat(3));
    const role = fc.constantFrom("user" as const, "assistant" as const, "tool" as const, "system" as const);
    const said = fc.array(fc.record({ role, content: text, at: fc.constant(0) }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(said, fc.integer({ min: 60, max: 2_000 }), (entries, budget) => {
        const window = fitWindow(entries, budget);
        expect(tokensOf(window)).toBeLessThanOrEqual(budget);
        expect(window.at(-1)?.role).toBe(entries.at(-1)?.role);
        if (window.length > 1) expect(entries.slice(-window.length)).toEqual(window);
        // What a cut character would be decoded to, unless it had been said.
        const isNew = !entries.some(({ content }) => content.includes("\ufffd"));
        if (isNew) for (const { content } of window) expect(content).not.toContain("\ufffd");
      }),
      { numRuns: 40 },
    );
  });
});
