import { describe, expect, it } from "vitest";
import { buildTimeline } from "./timeline";

const MINUTE = 60_000;

describe("buildTimeline", () => {
  it("starts a sitting at the first entry and after a pause", () => {
    const timeline = buildTimeline([
      { role: "user", content: "a", at: 0 },
      { role: "assistant", content: "b", at: MINUTE },
      { role: "user", content: "c", at: 30 * MINUTE },
    ]);
    expect(timeline.map((entry) => entry.startsSitting)).toEqual([true, false, true]);
  });

  it("knows which message a note of the system is about", () => {
    const timeline = buildTimeline([
      { role: "user", content: "a", at: 0 },
      { role: "system", content: "It could not be answered.", at: 1 },
      { role: "system", content: "Another note.", at: 2 },
    ]);
    expect(timeline.map((entry) => entry.unanswered)).toEqual([null, "a", null]);
  });

  it("gives entries of the same moment different keys, which stay when older entries appear", () => {
    const recent = [
      { role: "tool" as const, content: "1", at: 5 },
      { role: "tool" as const, content: "2", at: 5 },
      { role: "assistant" as const, content: "3", at: 5 },
    ];
    const keys = buildTimeline(recent).map((entry) => entry.key);
    expect(new Set(keys).size).toBe(3);
    const withOlder = buildTimeline([{ role: "user", content: "0", at: 1 }, ...recent]);
    expect(withOlder.slice(1).map((entry) => entry.key)).toEqual(keys);
  });
});
