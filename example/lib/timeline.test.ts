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
    expect(timeline.map((entry) => entry.unanswered)).toEqual([null, { text: "a", hasFiles: false }, null]);
  });

  it("puts files to what they came with: a question has those that were sent, an answer those that were handed over", () => {
    const stored = { fileName: "a.txt", mimeType: null, sizeBytes: 1, downloadUrl: null };
    const sent = { ...stored, kind: "document" as const };
    const handedOver = (at: number) => ({ role: "assistant" as const, content: "[File: a.txt]", at, file: stored });
    const timeline = buildTimeline([
      { role: "user", content: "", at: 0, attachments: [sent] },
      handedOver(1),
      { role: "tool", content: "searched", at: 2 },
      handedOver(3),
      { role: "assistant", content: "here", at: 4 },
      { role: "user", content: "more", at: 5, attachments: [sent] },
      { role: "system", content: "This message was canceled.", at: 6 },
      // Of a turn that was stopped before its answer.
      handedOver(7),
      { role: "user", content: "well", at: 8 },
      handedOver(9),
    ]);
    expect(timeline.map(({ role, content, files }) => [role, content, files.length])).toEqual([
      ["user", "", 1],
      ["tool", "searched", 0],
      ["assistant", "here", 2],
      ["user", "more", 1],
      ["system", "This message was canceled.", 0],
      ["assistant", "", 1],
      ["user", "well", 0],
      ["assistant", "", 1],
    ]);
    expect(timeline[4]?.unanswered).toEqual({ text: "more", hasFiles: true });
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
