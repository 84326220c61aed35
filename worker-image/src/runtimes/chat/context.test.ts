/** What of a long chat is sent: within the budget, the newest, and no tool call without its results. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { estimateTokens, fitting } from "./context.js";
import { units, type ChatMessage } from "./messages.js";

const text = fc.string({ maxLength: 400 });
let ids = 0;
const step = fc.tuple(text, fc.array(text, { maxLength: 3 })).map(([content, results]): ChatMessage[] => {
  // Without calls, an answer says something: one that does not is left out.
  if (results.length === 0) return [{ role: "assistant", content: `-${content}` }];
  const toolCalls = results.map((result) => ({ id: `call${ids++}`, name: "tool", arguments: result }));
  return [
    { role: "assistant", content, toolCalls },
    ...toolCalls.map(({ id, arguments: given }) => ({ role: "tool" as const, callId: id, content: given })),
  ];
});
const opening = fc
  .tuple(fc.boolean(), text)
  .map(([hasNote, content]): ChatMessage[] => [
    ...(hasNote ? [{ role: "system" as const, content: "note" }] : []),
    { role: "user", content },
  ]);
const turn = fc.tuple(opening, fc.array(step, { maxLength: 4 })).map(([first, steps]) => [...first, ...steps.flat()]);
const chat = fc.array(turn, { maxLength: 6 }).map((turns) => turns.flat());

const tokens = (messages: readonly ChatMessage[]) => messages.reduce((sum, each) => sum + estimateTokens(each), 0);

function expectWhole(messages: readonly ChatMessage[]) {
  const open = new Set<string>();
  for (const message of messages) {
    if (message.role === "tool") expect(open.delete(message.callId)).toBe(true);
    else expect(open.size).toBe(0);
    for (const { id } of (message.role === "assistant" && message.toolCalls) || []) open.add(id);
  }
  expect(open.size).toBe(0);
}

describe("what is sent", () => {
  it("fits, keeps the question and never cuts a tool call from its results", () => {
    fc.assert(
      fc.property(chat, turn, fc.integer({ min: 0, max: 3_000 }), (earlier, current, budget) => {
        const sent = fitting(earlier, current, budget);
        if (sent === null) return;
        expect(tokens(sent)).toBeLessThanOrEqual(budget);
        expectWhole(sent);
        const question = current.slice(0, current.findIndex(({ role }) => role === "user") + 1);
        for (const message of question) expect(sent).toContain(message);
        const newest = units(current).at(-1)?.[0];
        if (newest !== undefined) expect(sent.at(-1)?.role).toBe(units(current).at(-1)?.at(-1)?.role);
      }),
    );
  });

  it("is everything when there is room", () => {
    fc.assert(
      fc.property(chat, turn, (earlier, current) => {
        expect(fitting(earlier, current, 1_000_000)).toEqual([...earlier, ...current]);
      }),
    );
  });

  it("is the end of what there is: nothing newer is left out for something older", () => {
    fc.assert(
      fc.property(chat, turn, fc.integer({ min: 0, max: 2_000 }), (earlier, current, budget) => {
        const sent = fitting(earlier, current, budget);
        const kept = sent?.filter((message) => earlier.includes(message)) ?? [];
        expect(kept).toEqual(kept.length === 0 ? [] : earlier.slice(-kept.length));
        // Earlier turns go before steps of this one.
        if (kept.length > 0) expect(sent?.slice(kept.length)).toEqual(current);
      }),
    );
  });

  it("has long tool results shortened when the newest step does not fit otherwise", () => {
    const current: ChatMessage[] = [
      { role: "user", content: "go" },
      { role: "assistant", content: "", toolCalls: [{ id: "1", name: "t", arguments: "{}" }] },
      { role: "tool", callId: "1", content: "x".repeat(30_000) },
    ];
    expect(fitting([], current, 2_000)?.[2]?.content).toMatch(/^x+\n\[28000 characters left out\]\nx+$/);
    expect(fitting([], current, 100)).toBeNull();
    expect(fitting([], [{ role: "user", content: "y".repeat(9_000) }], 2_000)).toBeNull();
  });

  it("leaves out calls without results, and results without calls, but not what was said with them", () => {
    const call = { id: "1", name: "t", arguments: "{}" };
    const messages: ChatMessage[] = [
      { role: "tool", callId: "0", content: "orphan" },
      { role: "user", content: "a" },
      { role: "assistant", content: "I look.", toolCalls: [call, { ...call, id: "2" }] },
      { role: "tool", callId: "1", content: "r" },
      { role: "assistant", content: "", toolCalls: [call] },
    ];
    expect(units(messages)).toEqual([[messages[1]], [{ role: "assistant", content: "I look." }]]);
  });
});
