/**
 * The whole system, with real workers as machines, while their provider fails in every way it can: every message gets its one
 * answer, there are never more machines than allowed, and once the provider is well again neither a machine nor a volume is left.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConversation, type Conversation } from "../../dev/demo/conversation.js";
import { countLeftovers, drainFleet, listWorkers } from "../../dev/demo/fleet.js";
import { startStack, type Stack } from "../../dev/demo/stack.js";
import type { FaultRule } from "../../dev/fly-emulator/faults/kinds.js";
import { api } from "../../example/convex/_generated/api.js";

const MAX_WORKERS = 3;
const CONVERSATIONS = 4;
const MESSAGES = 3;
/** Printed with a failure; the same seed draws the same faults, though real processes never race twice in the same way. */
const SEED = Number(process.env["FAULTS_SEED"] ?? 7);
const CHANGES = [
  "machine_create",
  "machine_destroy",
  "machine_stop",
  "machine_suspend",
  "machine_start",
  "volume_create",
  "volume_delete",
] as const;
const LOOKS = ["machine_list", "machine_get", "volume_list", "volume_get"] as const;
const always = { times: Infinity };

const FAULTS: FaultRule[] = [
  { kind: "rate_limited", probability: 0.06, ...always },
  { kind: "rate_limited", retryAfterSeconds: 2, probability: 0.04, ...always },
  { kind: "fail_before_commit", answer: 503, probability: 0.06, ...always },
  { kind: "fail_before_commit", answer: "drop", probability: 0.04, ...always },
  { kind: "fail_after_commit", answer: 500, match: { action: CHANGES }, probability: 0.12, ...always },
  { kind: "fail_after_commit", answer: 408, match: { action: CHANGES }, probability: 0.06, ...always },
  { kind: "fail_after_commit", answer: "drop", match: { action: CHANGES }, probability: 0.06, ...always },
  {
    kind: "capacity",
    error: "insufficient_capacity",
    match: { action: "machine_create" },
    probability: 0.1,
    ...always,
  },
  {
    kind: "capacity",
    error: "volume_placement_capacity",
    match: { action: "machine_create" },
    probability: 0.1,
    ...always,
  },
  { kind: "capacity", error: "volume_no_capacity", match: { action: "volume_create" }, probability: 0.1, ...always },
  { kind: "capacity", error: "could_not_reserve", match: { action: "machine_start" }, probability: 0.1, ...always },
  { kind: "cold_resume", match: { action: "machine_suspend" }, probability: 0.2, ...always },
  { kind: "stale", ageMs: 2_000, match: { action: LOOKS }, probability: 0.15, ...always },
  { kind: "unknown_state", state: "hibernating", match: { action: LOOKS }, probability: 0.05, ...always },
  { kind: "launch_failed", match: { action: "machine_create" }, times: 2, probability: 0.2 },
  { kind: "stuck", match: { action: "machine_create" }, times: 1, probability: 0.2 },
];

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({
    policy: {
      maxWorkers: MAX_WORKERS,
      leaseDurationMs: 5_000,
      // Workers sleep between the messages, and are woken, cold booted or replaced for the next one.
      suspendAfterMs: 3_000,
      idleTimeoutMs: 5_000,
      bootDeadlineMs: 15_000,
      drainDeadlineMs: 10_000,
      reconcileIntervalMs: 5_000,
    },
    // Every other seed with volumes: their workers' data are where the volume is.
    ...(SEED % 2 === 1 ? { volume: { name: "work", path: "/data/work", sizeGb: 1 } } : {}),
    fly: { seed: SEED },
  });
});
afterAll(async () => {
  await stack.close();
});

const liveMachines = () => stack.fly.machines().filter(({ state }) => state !== "destroyed" && state !== "destroying");

async function isAnswered(conversation: Conversation): Promise<boolean> {
  const { contextHistory, queueItems } = await conversation.view();
  const open = queueItems.filter(({ status }) => status === "queued" || status === "processing");
  return open.length === 0 && contextHistory.filter(({ role }) => role === "user").length === MESSAGES;
}

describe(`a provider that fails (seed ${SEED})`, () => {
  it("costs time, and neither a message nor a machine", { timeout: 600_000 }, async () => {
    const conversations = await Promise.all(
      Array.from({ length: CONVERSATIONS }, async () => await openConversation(stack.cloudUrl)),
    );
    for (const fault of FAULTS) stack.fly.faults.add(fault);
    let mostMachines = 0;
    let mostRows = 0;
    const look = async () => {
      mostMachines = Math.max(mostMachines, liveMachines().length);
      const rows = (await listWorkers(stack)).filter(({ status }) => status !== "stopped");
      mostRows = Math.max(mostRows, rows.length);
    };
    for (let message = 0; message < MESSAGES; message++) {
      await Promise.all(conversations.map(async ({ send }) => await send(`remember number ${message}`)));
      for (let second = 0; second < 10; second++) {
        await sleep(1_000);
        await look();
      }
      // What no provider announces: a machine's processes are simply gone.
      const [victim] = liveMachines();
      if (message === 1 && victim !== undefined) stack.fly.crash(victim.id);
    }
    stack.fly.faults.clear();
    const deadline = Date.now() + 150_000;
    while (!(await Promise.all(conversations.map(isAnswered))).every(Boolean)) {
      await look();
      const health = await stack.operator.query(api.agentFactory.poolHealth, {});
      expect(
        Date.now(),
        `still waiting: ${JSON.stringify({ health, workers: await listWorkers(stack) })}`,
      ).toBeLessThan(deadline);
      await sleep(500);
    }
    expect(mostRows).toBeLessThanOrEqual(MAX_WORKERS);
    expect(mostMachines).toBeLessThanOrEqual(MAX_WORKERS);
    expect(mostMachines).toBeGreaterThan(0);

    for (const conversation of conversations) {
      const { contextHistory } = await conversation.view();
      const roles = contextHistory.map(({ role }) => role);
      expect(roles).toEqual(Array.from({ length: MESSAGES }, () => ["user", "assistant"]).flat());
      await conversation.close();
    }
    // A create that was cut off may still come true: its worker is waited for as long as the pool waits, three minutes.
    await drainFleet(stack, 240_000);
    // A machine that was given up long before it came to be is nobody's: the pool sees it at a later look.
    for (let look = 0; look < 60 && liveMachines().length > 0; look++) {
      await stack.operator.action(api.agentFactory.startWorkers, {});
      await sleep(3_000);
    }
    expect(liveMachines()).toEqual([]);
    // A volume whose create was cut off may still come true as well: its row looks for it for five minutes.
    for (let look = 0; look < 120 && countLeftovers(stack).volumesLeft > 0; look++) {
      await stack.operator.action(api.agentFactory.startWorkers, {});
      await sleep(3_000);
    }
    expect(stack.fly.volumes().length > 0).toBe(SEED % 2 === 1);
    expect(countLeftovers(stack)).toMatchObject({ volumesLeft: 0 });
    expect(await stack.operator.query(api.agentFactory.poolHealth, {})).toMatchObject({ problem: null });
  });
});
