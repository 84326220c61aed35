/** What `bench:latency` measures, against the running system and as one of its users sees it. */
import { setTimeout as sleep } from "node:timers/promises";
import { api } from "../../example/convex/_generated/api.js";
import { openConversation, type Conversation } from "../../dev/demo/conversation.js";
import { RECONCILE_WINDOW_MS } from "../../src/component/queue/capacity.js";
import { drainFleet, listWorkers } from "../../dev/demo/fleet.js";
import { startStack, type Stack } from "../../dev/demo/stack.js";
import { DEFAULT_SCALING_POLICY, type ScalingPolicy } from "../../src/shared/provider-config.js";
import { RESUME_MS } from "./latency-limits.js";
import { percentiles, type Percentiles } from "./percentiles.js";

export const LATENCY_CASES = [
  "enqueue_to_claimed",
  "claimed_to_first_event",
  "stream_delay",
  "resume",
  "cold_start",
] as const;
export type LatencyRow = { case: (typeof LATENCY_CASES)[number] } & Percentiles & { floorP50Ms: number };

export type LatencyOptions = { turns: number; resumes: number; coldStarts: number; log: (line: string) => void };

/** A pause between the words of the echo runtime, so that streaming has something to lag behind: 20 a second, as models speak. */
const WORD_DELAY_MS = 50;
/** The least a policy may ask for. */
const SUSPEND_AFTER_MS = 1_000;
/** Longer than a worker's clocks may be late for by chance: it takes itself for resumed, as after hours of sleep. */
const SLEEP_MS = 7_000;
const FREEZE_TIMEOUT_MS = 60_000;
const LONG_TEXT = Array.from({ length: 40 }, (_, index) => `word${index}`).join(" ");

export async function measureLatency(options: LatencyOptions): Promise<LatencyRow[]> {
  const stack = await startStack({
    log: options.log,
    policy: { maxWorkers: 2 },
    fly: { latencies: { resume: RESUME_MS } },
    workerEnvironment: { AGENT_FACTORY_ECHO_DELAY_MS: String(WORD_DELAY_MS), AGENT_FACTORY_LOG_LEVEL: "error" },
  });
  try {
    const floors: number[] = [];
    const claimed: number[] = [];
    const firstEvents: number[] = [];
    const lags: number[] = [];
    const warm = await openConversation(stack.cloudUrl);
    const silent = await openSilentConversation(stack);
    options.log("Warming up");
    await warm.ask("hello");
    options.log(`Measuring ${options.turns} turns of a warm worker, each next to its floor`);
    for (let turn = 0; turn < options.turns; turn++) {
      floors.push(await measureFloor(silent));
      const measured = await measureTurn(warm, turn % 4 === 0 ? LONG_TEXT : `hello ${turn}`);
      claimed.push(measured.claimedMs);
      firstEvents.push(measured.firstEventMs);
      lags.push(...measured.lagsMs);
    }
    options.log(`Measuring the wake-ups of ${options.resumes} suspended workers`);
    const resumes = await measureResumes(stack, options.resumes);
    await warm.close();
    await silent.close();
    options.log(`Measuring ${options.coldStarts} cold starts`);
    const coldStarts: number[] = [];
    for (let start = 0; start < options.coldStarts; start++) {
      await drainFleet(stack);
      await setPolicy(stack, { maxWorkers: 2 });
      const cold = await openConversation(stack.cloudUrl);
      // A cold start follows a quiet time; what emptied the fleet just now would still hold the next reconcile back.
      await sleep(2 * RECONCILE_WINDOW_MS);
      coldStarts.push((await measureTurn(cold, "hello")).claimedMs);
      await cold.close();
    }
    const floorP50Ms = percentiles(floors).p50Ms;
    return [
      { case: "enqueue_to_claimed", ...percentiles(claimed), floorP50Ms },
      { case: "claimed_to_first_event", ...percentiles(firstEvents), floorP50Ms },
      { case: "stream_delay", ...percentiles(lags), floorP50Ms },
      { case: "resume", ...percentiles(resumes), floorP50Ms },
      { case: "cold_start", ...percentiles(coldStarts), floorP50Ms },
    ];
  } finally {
    await stack.close();
  }
}

async function setPolicy({ operator }: Stack, scalingPolicy: Partial<ScalingPolicy>): Promise<void> {
  await operator.mutation(api.agentFactory.setScalingPolicy, { scalingPolicy });
}

/** Wakes workers that have slept side by side, one after the other, as they are in a pool that is in use. */
async function measureResumes(stack: Stack, count: number): Promise<number[]> {
  await setPolicy(stack, { maxWorkers: 2 + count, suspendAfterMs: SUSPEND_AFTER_MS });
  const sleepers = await Promise.all(Array.from({ length: count }, async () => await openConversation(stack.cloudUrl)));
  await Promise.all(sleepers.map(async (sleeper) => await sleeper.ask("hello")));
  await waitUntilFrozen(stack);
  await sleep(SLEEP_MS);
  const resumes: number[] = [];
  for (const sleeper of sleepers) {
    resumes.push((await measureTurn(sleeper, "hello again")).claimedMs);
    await sleeper.close();
  }
  await setPolicy(stack, { maxWorkers: 2, suspendAfterMs: DEFAULT_SCALING_POLICY.suspendAfterMs });
  return resumes;
}

async function waitUntilFrozen(stack: Stack): Promise<void> {
  const deadline = Date.now() + FREEZE_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const workers = (await listWorkers(stack)).filter(({ status }) => status !== "stopped");
    const states = workers.map(({ machineId }) => machineId !== null && stack.fly.machine(machineId)?.state);
    if (states.every((state) => state === "suspended")) return;
    await sleep(100);
  }
  throw new Error(`Not every worker was frozen within ${FREEZE_TIMEOUT_MS} ms.`);
}

/** A conversation whose head is due in a year, so that nobody ever claims it: what is sent there only waits. */
async function openSilentConversation(stack: Stack): Promise<Conversation> {
  const silent = await openConversation(stack.cloudUrl);
  await stack.operator.mutation(api.agentFactory.enqueue, {
    conversationId: silent.conversationId,
    agentKey: "default",
    scheduledFor: Date.now() + 360 * 24 * 60 * 60_000,
    payload: { provider: "app", providerUserId: silent.userId, messageText: "later" },
  });
  return silent;
}

/** One mutation and the subscription update it causes, as the same client sees them. */
async function measureFloor(silent: Conversation): Promise<number> {
  const before = (await silent.view()).queueItems.length;
  const startedAt = performance.now();
  const seen = silent.waitFor((view) => view.queueItems.length > before);
  await silent.send("wait");
  await seen;
  return performance.now() - startedAt;
}

type MeasuredTurn = { claimedMs: number; firstEventMs: number; lagsMs: number[] };

/** From calling the mutation to seeing the message run, from there to its first event, and how far the view lags behind. */
async function measureTurn(conversation: Conversation, text: string): Promise<MeasuredTurn> {
  const answers = (await conversation.view()).contextHistory.length;
  const startedAt = performance.now();
  let claimedAt = 0;
  let firstEventAt = 0;
  let firstWordsAt = 0;
  let firstWords = 0;
  const lagsMs: number[] = [];
  let streamed = "";
  const answered = conversation.waitFor((view) => {
    const now = performance.now();
    const live = view.liveTurn;
    if (live !== null) claimedAt ||= now;
    if (live !== null && (live.text !== "" || live.toolCalls.length > 0)) firstEventAt ||= now;
    if (live !== null && live.text !== "" && live.text !== streamed) {
      streamed = live.text;
      const words = streamed.trim().split(/\s+/).length;
      if (firstWordsAt === 0) {
        firstWordsAt = now;
        firstWords = words;
      } else {
        // The runtime pauses after each word: this is when the newest one could have been seen at the earliest.
        lagsMs.push(Math.max(0, now - firstWordsAt - (words - firstWords) * WORD_DELAY_MS));
      }
    }
    return view.contextHistory.length > answers && view.queueItems.length === 0;
  });
  await conversation.send(text);
  await answered;
  // Lets the worker's subscription settle, so that the next turn finds it as idle as a user's pause would.
  await sleep(20);
  return { claimedMs: claimedAt - startedAt, firstEventMs: (firstEventAt || claimedAt) - claimedAt, lagsMs };
}
