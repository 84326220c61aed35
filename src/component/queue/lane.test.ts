import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  chooseHead,
  isDue,
  LANE_SHARDS,
  LANE_TRANSITIONS,
  laneRank,
  laneShard,
  MAX_PRIORITY,
  MIN_PRIORITY,
  nextLaneState,
  type LaneEvent,
  type LaneState,
} from "./lane.js";

const STATES: LaneState[] = ["idle", "ready", "delayed", "leased", "throttled", "paused"];
const EVENTS: LaneEvent[] = ["head_due", "head_held_back", "head_later", "emptied", "claimed", "agent_disabled"];
const ANYWHERE: Partial<Record<LaneEvent, LaneState>> = {
  head_due: "ready",
  head_held_back: "throttled",
  head_later: "delayed",
  emptied: "idle",
};

/** Written out a second time on purpose: a change of the table must be a change of mind. */
const EXPECTED: Record<LaneState, Partial<Record<LaneEvent, LaneState>>> = {
  idle: { head_due: "ready", head_held_back: "throttled", head_later: "delayed" },
  ready: { ...ANYWHERE, claimed: "leased", agent_disabled: "paused" },
  delayed: ANYWHERE,
  leased: ANYWHERE,
  throttled: ANYWHERE,
  paused: ANYWHERE,
};

describe("a lane", () => {
  for (const state of STATES) {
    for (const event of EVENTS) {
      const next = EXPECTED[state][event];
      if (next === undefined) {
        it(`cannot take ${event} while ${state}`, () => {
          expect(() => nextLaneState(state, event)).toThrow(`A lane in state ${state} cannot take ${event}.`);
        });
      } else {
        it(`that is ${state} becomes ${next} on ${event}`, () => {
          expect(nextLaneState(state, event)).toBe(next);
        });
      }
    }
  }

  it("has no transition beyond these", () => {
    expect(LANE_TRANSITIONS).toEqual(EXPECTED);
  });

  it("can get from every state to idle, so that none is a trap", () => {
    for (const state of STATES) {
      const reached = new Set<LaneState>([state]);
      for (const seen of reached) for (const next of Object.values(LANE_TRANSITIONS[seen])) reached.add(next);
      expect(reached).toContain("idle");
    }
  });
});

describe("the head of a lane", () => {
  it("is due at its time, not after it", () => {
    expect(isDue({ scheduledFor: 1_000 }, 999)).toBe(false);
    expect(isDue({ scheduledFor: 1_000 }, 1_000)).toBe(true);
  });

  const at = (sequence: number, scheduledFor: number) => ({ sequence, scheduledFor });
  const NOW = 1_000;

  it.each([
    ["nothing", null, null, null],
    ["what is in line", at(1, 2_000), null, 1],
    ["what stands aside", null, at(1, 2_000), 1],
    ["what is due, though accepted later", at(1, 2_000), at(2, 1_000), 2],
    ["the line, while what stands aside is not due", at(2, 500), at(1, 1_001), 2],
    ["of two that are due the one accepted first, in line", at(1, 900), at(2, 100), 1],
    ["of two that are due the one accepted first, aside", at(2, 100), at(1, 900), 1],
    ["of none that is due the one that is due first, in line", at(2, 1_500), at(1, 1_600), 2],
    ["of none that is due the one that is due first, aside", at(1, 1_600), at(2, 1_500), 2],
  ])("is %s", (_what, inLine, aside, expected) => {
    expect(chooseHead(inLine, aside, NOW)?.sequence ?? null).toBe(expected);
  });
});

const priorities = fc.integer({ min: MIN_PRIORITY, max: MAX_PRIORITY });
const times = fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 });

describe("the rank of a ready lane", () => {
  it("is better for whoever waits longer at the same priority", () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 1_000_000 }), priorities, (since, later, priority) => {
        expect(laneRank(since, priority)).toBeLessThan(laneRank(since + later, priority));
      }),
    );
  });

  it("is better for the higher priority at the same time", () => {
    fc.assert(
      fc.property(times, priorities, priorities, (since, low, high) => {
        fc.pre(low < high);
        expect(laneRank(since, high)).toBeLessThan(laneRank(since, low));
      }),
    );
  });

  it("ages: after ten minutes no priority overtakes the lowest any more", () => {
    const headStart = laneRank(0, MIN_PRIORITY) - laneRank(0, MAX_PRIORITY);
    expect(headStart).toBe(10 * 60_000);
    fc.assert(
      fc.property(times, priorities, priorities, fc.integer({ min: 1, max: 10_000_000 }), (since, a, b, more) => {
        expect(laneRank(since, a)).toBeLessThan(laneRank(since + headStart + more, b));
      }),
    );
  });
});

describe("the shards of the ready set", () => {
  it("are used evenly, and a conversation always has the same", () => {
    const counts = new Array<number>(LANE_SHARDS).fill(0);
    for (let index = 0; index < 2_000; index++) {
      const shard = laneShard(`conversation:${index}`);
      expect(shard).toBe(laneShard(`conversation:${index}`));
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    for (const used of counts) expect(used).toBeGreaterThan((2_000 / LANE_SHARDS) * 0.7);
  });
});
