/** What must be true of the rows alone after every step, whatever led there; nothing here knows the reference. */
import type { Doc } from "../../src/component/_generated/dataModel.js";
import { require, type World } from "./world.js";

type Tables = {
  now: number;
  messages: Doc<"messages">[];
  lanes: Doc<"lanes">[];
  leases: Doc<"leases">[];
  holders: Map<string, Doc<"leaseHolders">>;
};

export function requireInvariants(world: World): void {
  const tables: Tables = {
    now: world.now,
    messages: world.table("messages"),
    lanes: world.table("lanes"),
    leases: world.table("leases"),
    holders: new Map(world.table("leaseHolders").map((holder) => [holder.workerId, holder])),
  };
  requireExclusiveLeases(tables);
  requireConsistentLanes(tables);
  requireOrder(tables);
  requireLegalMessages(tables);
  requireUniqueDeliveries(tables);
  requireOneAnswer(world, tables);
  requireWakeUps(world, tables);
  requireCounters(world, tables);
}

function requireUnique(keys: string[], message: (key: string) => string): void {
  const seen = new Set<string>();
  for (const key of keys) {
    require(!seen.has(key), () => message(key));
    seen.add(key);
  }
}

function requireExclusiveLeases({ leases, messages, lanes }: Tables): void {
  requireUnique(
    leases.map(({ conversationId }) => conversationId),
    (id) => `INV-01: two leases of conversation ${id}`,
  );
  requireUnique(
    leases.map(({ messageId }) => messageId),
    (id) => `INV-01: two leases of message ${id}`,
  );
  const processing = messages.filter(({ status }) => status === "processing");
  require(processing.length === leases.length, () => `INV-01: ${processing.length} run under ${leases.length} leases`);
  for (const lease of leases) {
    const message = messages.find(({ _id }) => _id === lease.messageId);
    require(message?.status === "processing", () => `INV-01: the leased message is ${String(message?.status)}`);
    const lane = lanes.find(({ _id }) => _id === lease.laneId);
    require(lane?.state === "leased", () => `INV-01: a lane with a lease is ${String(lane?.state)}`);
    require(lane.generation === lease.generation, () => `INV-02: a lease is not of its lane's newest generation`);
  }
}

function requireConsistentLanes({ lanes, messages, leases, now }: Tables): void {
  requireUnique(
    lanes.map(({ conversationId }) => conversationId),
    (id) => `INV-01: two lanes of conversation ${id}`,
  );
  for (const lane of lanes) {
    const queued = messages.filter((row) => row.conversationId === lane.conversationId && row.status === "queued");
    require(lane.queuedCount === queued.length, () =>
      `INV-33: lane ${lane.conversationId} counts ${lane.queuedCount} of ${queued.length} queued messages`);
    const isLeased = leases.some(({ laneId }) => laneId === lane._id);
    require((lane.state === "leased") === isLeased, () => `INV-01: ${lane.conversationId} is ${lane.state}`);
    const { bullets } = lane.dropped ?? { bullets: [] };
    require(bullets.length <= 20, () => `INV-33: ${lane.conversationId} lists ${bullets.length} dropped messages`);
    if (lane.state === "idle") require(queued.length === 0, () => `INV-14: ${lane.conversationId} sleeps on messages`);
    if (lane.state === "ready") {
      require(queued.some(({ scheduledFor }) => scheduledFor <= now), () =>
        `INV-12: ${lane.conversationId} is ready, but nothing in it is due`);
      requireRank(
        lane,
        messages.filter(({ conversationId }) => conversationId === lane.conversationId),
        now,
      );
    }
  }
}

/** A lane's rank is when it became ready, less six seconds per point of priority: that is what makes priorities age. */
function requireRank({ rank, conversationId, audience, wakeAt }: Doc<"lanes">, own: Doc<"messages">[], now: number) {
  const isExplained = own.some(({ priority, _creationTime }) => {
    const readySince = rank + priority * 6_000;
    return readySince >= Math.floor(_creationTime) && readySince <= now;
  });
  require(isExplained, () => `INV-31: the rank ${rank} of ${conversationId} follows from no message in it`);
  require((audience === "any") === (wakeAt === undefined), () =>
    `INV-31: ${conversationId} is reserved for ${audience} until ${String(wakeAt)}`);
  require(wakeAt === undefined || wakeAt <= now + 3_000, () =>
    `INV-31: ${conversationId} is reserved until ${String(wakeAt)}`);
}

function requireOrder({ messages }: Tables): void {
  const byPlace = (message: Doc<"messages">) => `${message.conversationId}#${message.sequence}`;
  requireUnique(messages.map(byPlace), (place) => `INV-11: two messages at ${place}`);
  for (const running of messages.filter(({ status }) => status === "processing")) {
    const overtaken = messages.find(
      (row) =>
        row.conversationId === running.conversationId &&
        row.status === "queued" &&
        row.sequence < running.sequence &&
        row.asideUntil === undefined &&
        running.asideUntil === undefined &&
        !isRedriven(row),
    );
    require(overtaken === undefined, () => `INV-09: ${running._id} runs before ${String(overtaken?._id)}`);
  }
}

/** It has failed before and has all its attempts to come: it came back when the other one ran already. */
const isRedriven = ({ attempts, errors }: Doc<"messages">) => attempts === 0 && errors !== undefined;

function requireLegalMessages({ messages }: Tables): void {
  for (const { _id, status, attempts, maxAttempts, finishedAt, completion, lastError } of messages) {
    require(attempts >= 0 && attempts <= maxAttempts, () =>
      `INV-21: ${_id} was tried ${attempts} times of ${maxAttempts}`);
    const isOver = ["done", "dead_letter", "canceled", "dropped"].includes(status);
    require(isOver === (finishedAt !== undefined), () => `INV-14: ${_id} is ${status}, finished ${String(finishedAt)}`);
    require((status === "done") === (completion !== undefined), () => `INV-18: ${_id} is ${status}, with a completion`);
    require(status !== "dead_letter" || lastError !== undefined, () => `INV-21: dead letter ${_id} says not why`);
    require(status !== "processing" || attempts > 0, () => `INV-20: ${_id} runs without an attempt`);
    require(status !== "queued" || attempts < maxAttempts, () => `INV-22: ${_id} is queued without an attempt left`);
  }
}

function requireUniqueDeliveries({ messages }: Tables): void {
  const deliveries = messages.flatMap(({ agentKey, provider, externalMessageId }) =>
    externalMessageId === undefined ? [] : [`${agentKey}/${provider}/${externalMessageId}`],
  );
  requireUnique(deliveries, (delivery) => `INV-16: delivery ${delivery} was accepted twice`);
}

/** Where the answer stands among the entries of a turn. */
const ENDING_PART = 201;
const ENDINGS: Record<string, string[]> = { done: ["assistant"], dead_letter: ["system"], canceled: ["", "system"] };

/** A message that is done has one answer, and a dead letter one word about why. */
function requireOneAnswer(world: World, { messages }: Tables): void {
  const endings = new Map<string, string[]>();
  // What was said about an end that was taken back goes in the background.
  const unswept = world
    .jobs()
    .flatMap(({ name, args }) =>
      name === "conversations/internal:sweepTurn" ? [(args as { messageId: string }).messageId] : [],
    );
  for (const { messageId, role, part } of world.table("transcript")) {
    if (part < ENDING_PART) continue;
    endings.set(messageId, [...(endings.get(messageId) ?? []), role]);
  }
  for (const { _id, status } of messages) {
    const expected = ENDINGS[status] ?? [""];
    const actual = (endings.get(_id) ?? []).join();
    if (unswept.includes(_id)) continue;
    require(expected.includes(actual), () => `INV-19: ${_id} is ${status} and has the answers "${actual}"`);
  }
}

/** Whoever waits for the clock has somebody who will look at it. */
function requireWakeUps(world: World, { lanes, now }: Tables): void {
  const wakeUps = world.jobs().filter(({ name }) => name === "queue/internal:wakeLanes");
  for (const { conversationId, state, wakeAt } of lanes) {
    if (state !== "delayed" || wakeAt === undefined || wakeAt <= now) continue;
    require(wakeUps.some(({ at }) => at <= wakeAt), () => `INV-12: nobody wakes ${conversationId} at ${wakeAt}`);
  }
}

function requireCounters(world: World, { messages, lanes }: Tables): void {
  const rows = world.table("queueCounters");
  const scopes = new Map<string, (row: { agentKey: string }) => boolean>([["pool:default", () => true]]);
  for (const { agentKey } of lanes) scopes.set(`agent:${agentKey}`, (row) => row.agentKey === agentKey);
  for (const [scope, isOf] of scopes) {
    const own = messages.filter(isOf);
    const ofStatus = (status: string) => own.filter((message) => message.status === status).length;
    const counted = {
      queued: ofStatus("queued"),
      processing: ofStatus("processing"),
      done: ofStatus("done"),
      deadLetter: ofStatus("dead_letter"),
      canceled: ofStatus("canceled"),
      dropped: ofStatus("dropped"),
      ready: lanes.filter((lane) => isOf(lane) && lane.state === "ready").length,
    };
    for (const name of Object.keys(counted) as (keyof typeof counted)[]) {
      const actual = rows.reduce((total, row) => total + (row.scope === scope ? row[name] : 0), 0);
      require(actual === counted[name], () => `counters: ${name} of ${scope} says ${actual}, and is ${counted[name]}`);
    }
  }
}
