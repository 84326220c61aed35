import { describe, expect, it } from "vitest";
import { makeTrace, TRACES } from "./traces.js";

const DAY = 24 * 60 * 60_000;

describe.each(TRACES)("the trace %s", (name) => {
  const trace = makeTrace(name, 3);

  it("is the same for the same seed, and another for another", () => {
    expect(makeTrace(name, 3)).toEqual(trace);
    expect(makeTrace(name, 4)).not.toEqual(trace);
  });

  it("comes in order, ends before its end, and has turns that take time", () => {
    const times = trace.messages.map(({ at }) => at);
    expect(times).toEqual([...times].sort((left, right) => left - right));
    expect(times.at(0)).toBeGreaterThanOrEqual(0);
    expect(times.at(-1)).toBeLessThan(trace.endsAt);
    for (const { turnMs } of trace.messages) expect(turnMs).toBeGreaterThan(0);
  });
});

describe("traces", () => {
  const users = (name: (typeof TRACES)[number]) =>
    new Set(makeTrace(name, 3).messages.map(({ userId }) => userId)).size;

  it("are about as many users as their names say", () => {
    // Some of the thousand stay away on any one day.
    expect(users("office_day")).toBeGreaterThan(800);
    expect(users("spike")).toBe(200);
    expect(users("long_tail")).toBe(1_000);
    expect(users("hot_user")).toBe(1);
  });

  it("have a spike of 200 conversations within ten seconds", () => {
    const { messages } = makeTrace("spike", 3);
    expect(new Set(messages.map(({ conversationId }) => conversationId)).size).toBe(200);
    expect((messages.at(-1)?.at ?? Infinity) - (messages.at(0)?.at ?? 0)).toBeLessThanOrEqual(10_000);
  });

  it("have one message per user and day in the long tail", () => {
    const { messages } = makeTrace("long_tail", 3);
    const days = new Set(messages.map(({ userId, at }) => `${userId} ${Math.floor(at / DAY)}`));
    expect(days.size).toBe(messages.length);
    expect(messages).toHaveLength(3_000);
  });
});
