/** Whether the rows say what the reference says, after every step. */
import type { Doc } from "../../src/component/_generated/dataModel.js";
import type { Driver } from "./driver.js";
import { headOf, settle } from "./reference/lanes.js";
import { queuedOf, type Conversation, type Message, type Phase, type Worker } from "./reference/state.js";
import { require } from "./world.js";

const PHASE_OF_STATE: Record<string, Phase> = {
  idle: "idle",
  ready: "due",
  throttled: "due",
  delayed: "later",
  leased: "leased",
  paused: "paused",
};

export function requireConformance(driver: Driver): void {
  const { world, reference } = driver;
  const rows = new Map(world.table("messages").map((row) => [String(row._id), row]));
  require(rows.size === reference.messages.size, () =>
    `INV-14: ${rows.size} rows for ${reference.messages.size} messages`);
  for (const message of reference.messages.values()) requireMessage(message, rows.get(message.id));
  const lanes = new Map(world.table("lanes").map((lane) => [lane.conversationId, lane]));
  for (const conversation of reference.conversations) {
    const lane = lanes.get(conversation.id);
    if (lane !== undefined) requireLane(driver, conversation, lane);
    else require(conversation.messages.length === 0, () => `INV-14: ${conversation.id} has no lane`);
  }
  requireLeases(driver);
  for (const worker of reference.workers) requireHolder(driver, worker);
}

/** One line per field, so that a difference names the field. */
function requireEqual(what: string, actual: Record<string, unknown>, expected: Record<string, unknown>): void {
  for (const [field, value] of Object.entries(expected)) {
    require(Object.is(actual[field], value), () =>
      `${what}: ${field} is ${String(actual[field])}, and should be ${String(value)}`);
  }
}

const countOf = (summary: Doc<"messages">["summary"]) => ({
  dropped: (summary?.bullets.length ?? 0) + (summary?.more ?? 0),
});

function requireMessage(message: Message, row: Doc<"messages"> | undefined): void {
  require(row !== undefined, () => `INV-14: message ${message.id} is gone`);
  requireEqual(`INV-14, INV-20, INV-21: ${message.id}`, row, {
    status: message.status,
    attempts: message.attempts,
    maxAttempts: message.maxAttempts,
    sequence: message.sequence,
    priority: message.priority,
    scheduledFor: message.dueAt,
    conversationId: message.conversation.id,
  });
  requireEqual(`INV-33: what ${message.id} tells of dropped messages`, countOf(row.summary), { dropped: message.told });
  const errors = row.errors ?? [];
  require(errors.length === Math.min(message.failures, 10), () =>
    `INV-21: ${message.id} has failed ${message.failures} times and remembers ${errors.length}`);
}

function requireLane({ world }: Driver, conversation: Conversation, lane: Doc<"lanes">): void {
  const { now } = world;
  const phase = PHASE_OF_STATE[lane.state];
  const head = headOf(conversation, now);
  // To notice early what the clock has made due is nobody's loss.
  if (conversation.phase === "later" && phase === "due" && head !== null && head.dueAt <= now)
    settle(conversation, now);
  require(phase === conversation.phase, () =>
    `INV-09, INV-12: ${conversation.id} is ${lane.state}, and should be ${conversation.phase}`);
  requireEqual(`INV-02, INV-11: ${conversation.id}`, lane, {
    generation: conversation.generation,
    lastSequence: conversation.lastSequence,
    queuedCount: queuedOf(conversation).length,
    agentKey: conversation.agent.key,
  });
  requireEqual(`INV-33: what ${conversation.id} has dropped`, countOf(lane.dropped), { dropped: conversation.untold });
  if (phase === "later") {
    require(lane.wakeAt !== undefined && head !== null && lane.wakeAt <= Math.max(head.dueAt, now), () =>
      `INV-12: ${conversation.id} wakes at ${String(lane.wakeAt)}, but its head is due at ${head?.dueAt ?? 0}`);
  }
}

function requireLeases({ world, reference }: Driver): void {
  const rows = new Map(world.table("leases").map((row) => [String(row._id), row]));
  const leases = reference.conversations.flatMap(({ lease }) => lease ?? []);
  require(rows.size === leases.length, () => `INV-01: ${rows.size} leases, and should be ${leases.length}`);
  for (const lease of leases) {
    const row = rows.get(lease.id);
    require(row !== undefined, () => `INV-01: lease ${lease.id} is gone`);
    requireEqual(`INV-02, INV-06: lease ${lease.id}`, row, {
      messageId: lease.message.id,
      conversationId: lease.message.conversation.id,
      workerId: lease.worker.id,
      generation: lease.generation,
      holderEpoch: lease.life,
      claimedAt: lease.claimedAt,
      runDeadlineAt: lease.runDeadlineAt,
    });
  }
}

function requireHolder({ world }: Driver, worker: Worker): void {
  const row = world.table("leaseHolders").find(({ workerId }) => workerId === worker.id);
  require(row !== undefined, () => `INV-05: the heartbeat of ${worker.id} is gone`);
  // The sweep's loop notices when it looks; until then nobody is hurt.
  if (row.state === "lapsed" && world.now >= worker.expiresAt) worker.isCounted = false;
  requireEqual(`INV-04, INV-05: the heartbeat of ${worker.id}`, row, {
    epoch: worker.life,
    state: worker.isCounted ? "live" : "lapsed",
    expiresAt: worker.expiresAt,
  });
}
