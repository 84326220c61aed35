/** Caps on how many conversations of a user or an agent go on at once (INV-32): who holds a slot, and who waits for one. */
import type { Doc } from "../../src/component/_generated/dataModel.js";
import type { Driver } from "./driver.js";
import type { Agent } from "./reference/state.js";
import { require } from "./world.js";

export type SlotView = { lanes: Doc<"lanes">[]; held: Map<string, number> };

export function viewSlots({ world }: Driver): SlotView {
  return {
    lanes: world.table("lanes"),
    held: new Map(world.table("laneSlots").map(({ group, held }) => [group, held])),
  };
}

/** Holds the rows after a step against those before it. */
export function requireCaps(driver: Driver, before: SlotView): void {
  const after = viewSlots(driver);
  const groups = new Set([
    ...before.held.keys(),
    ...after.held.keys(),
    ...after.lanes.flatMap((lane) => lane.slots ?? []),
  ]);
  for (const group of groups) {
    const held = after.held.get(group) ?? 0;
    const holders = after.lanes.filter(({ slots }) => slots?.includes(group) === true);
    require(held === holders.length, () => `INV-32: ${group} counts ${held} slots, and ${holders.length} are held`);
    const caps = capsOf(driver, group);
    require(held <= (before.held.get(group) ?? 0) || held <= Math.max(...caps), () =>
      `INV-32: ${group} holds ${held} slots of ${Math.max(...caps)}`);
  }
  for (const lane of after.lanes) requireReason(driver, lane, after);
  requireTurns(before, after);
}

/** The caps that hold for the group: a user's may differ from agent to agent. */
function capsOf({ reference }: Driver, group: string): number[] {
  const cap = ({ policy, key }: Agent) =>
    group.startsWith("user:") ? policy.maxConcurrentPerUser : group === `agent:${key}` ? policy.maxConcurrent : 0;
  return reference.agents.map((agent) => cap(agent) ?? Infinity);
}

function requireReason(driver: Driver, lane: Doc<"lanes">, { held }: SlotView): void {
  const { state, slots, waitsFor, conversationId } = lane;
  const mayHold = state === "ready" || state === "leased" || state === "throttled";
  require(mayHold || slots === undefined, () => `INV-32: ${conversationId} is ${state} and holds ${String(slots)}`);
  require((state === "throttled") === (waitsFor !== undefined), () => `INV-32: ${conversationId} is ${state}`);
  // Without its agent nobody knows the cap any more; whoever ends lets it go on.
  const isOrphaned = driver.reference.agents.some(({ key, exists }) => key === lane.agentKey && !exists);
  if (waitsFor === undefined || isOrphaned) return;
  const isBeingAdmitted = driver.world.jobs().some(({ name }) => name === "queue/internal:admitMore");
  const least = Math.min(...capsOf(driver, waitsFor).filter((cap) => cap > 0));
  require(isBeingAdmitted || (held.get(waitsFor) ?? 0) >= least, () =>
    `INV-32: ${conversationId} waits for a slot of ${waitsFor}, which has one`);
}

/** Whoever was let in had waited the longest of those who wait for the same. */
function requireTurns(before: SlotView, after: SlotView): void {
  const now = new Map(after.lanes.map((lane) => [lane._id, lane]));
  const waiting = before.lanes.filter(({ state }) => state === "throttled");
  for (const lane of waiting) {
    if (now.get(lane._id)?.state !== "ready") continue;
    const passed = waiting.find(
      (other) =>
        other.waitsFor === lane.waitsFor &&
        other.agentKey === lane.agentKey &&
        other.rank < lane.rank &&
        now.get(other._id)?.waitsFor === lane.waitsFor,
    );
    require(passed === undefined, () => `INV-32: ${lane.conversationId} went before ${passed?.conversationId ?? ""}`);
  }
}
