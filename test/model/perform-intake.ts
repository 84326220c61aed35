/** Steps of those who send messages. */
import { reconsider } from "./reference/lanes.js";
import { queuedOf, type Conversation, type Message } from "./reference/state.js";
import { cancel, drop, redrive, victimOf } from "./reference/turns.js";
import { expectAccepted, expectRefusal, pick, type Driver } from "./driver.js";
import type { Step } from "./steps.js";
import { require } from "./world.js";

type Enqueue = Extract<Step, { do: "enqueue" }>;

export async function performEnqueue(driver: Driver, step: Enqueue): Promise<void> {
  const conversation = pick(driver.reference.conversations, step.conversation)!;
  // What a caller repeats is what it has sent, not what it would send by now.
  const scheduledFor = step.delayMs === undefined ? undefined : driver.world.now + step.delayMs;
  driver.last = async () => enqueue(driver, conversation, step, scheduledFor);
  for (let call = 0; call <= (step.repeat ?? 0); call++) await driver.last();
}

async function enqueue(
  driver: Driver,
  conversation: Conversation,
  step: Enqueue,
  scheduledFor: number | undefined,
): Promise<void> {
  const { world, reference } = driver;
  const { now } = world;
  const { agent } = conversation;
  const provider = step.key !== undefined && step.key % 2 === 1 ? "telegram" : "app";
  const externalMessageId = step.key === undefined ? undefined : `delivery ${step.key >> 1}`;
  const delivery = externalMessageId === undefined ? null : `${agent.key}/${provider}/${externalMessageId}`;
  const before = world.rows();
  const outcome = await world.call<string>("lib:enqueue", {
    conversationId: conversation.id,
    agentKey: agent.key,
    ...(step.priority === undefined ? {} : { priority: step.priority }),
    ...(scheduledFor === undefined ? {} : { scheduledFor }),
    ...(step.maxAttempts === undefined ? {} : { maxAttempts: step.maxAttempts }),
    ...(step.aside === true ? { blocksFollowers: false } : {}),
    payload: {
      provider,
      providerUserId: "someone",
      messageText: `message ${reference.messages.size + 1}`,
      ...(externalMessageId === undefined ? {} : { externalMessageId }),
    },
  });
  const known = delivery === null ? undefined : reference.deliveries.get(delivery);
  if (known !== undefined) {
    const id = expectAccepted(outcome, "a repeated delivery");
    require(id === known.id, () => `INV-16: delivery ${delivery ?? ""} was accepted as ${known.id} and again as ${id}`);
    require(world.changesSince(before).length === 0, () => "INV-16: a repeated delivery changed something");
    driver.note("repeated delivery");
    return;
  }
  if (!agent.exists) return expectRefusal(outcome, "agent_not_found", "enqueue for an agent that is gone");
  if (!agent.enabled) return expectRefusal(outcome, "agent_disabled", "enqueue for a disabled agent");
  const isFull = queuedOf(conversation).length >= agent.policy.maxQueued;
  if (isFull && agent.policy.overflow === "reject") {
    driver.note("refused: full");
    return expectRefusal(outcome, "queue_full", "one message too many");
  }
  const id = expectAccepted(outcome, "enqueue");
  require(!reference.messages.has(id), () => `INV-17: a new message got the id of another one, ${id}`);
  const victim = victimOf(conversation);
  conversation.lastSequence += 1;
  const message: Message = {
    id,
    conversation,
    sequence: conversation.lastSequence,
    status: "queued",
    priority: step.priority ?? 0,
    dueAt: Math.max(scheduledFor ?? now, now),
    blocks: step.aside !== true,
    attempts: 0,
    maxAttempts: step.maxAttempts ?? agent.policy.maxAttempts,
    releases: 0,
    failures: 0,
    told: 0,
    completion: null,
  };
  conversation.messages.push(message);
  reference.messages.set(id, message);
  if (delivery !== null) reference.deliveries.set(delivery, message);
  const dropped = !isFull ? undefined : agent.policy.overflow === "drop_new" ? message : victim;
  if (dropped === message) message.status = "dropped";
  else if (dropped !== undefined) drop(dropped);
  if (dropped !== message) reconsider(conversation, now);
  driver.note(dropped === undefined ? "enqueued" : `enqueued, ${agent.policy.overflow}`);
}

export async function cancelMessage(driver: Driver, message: Message): Promise<void> {
  const { world } = driver;
  const before = world.rows();
  const call = await world.call<{ canceled: boolean; status: string }>("lib:cancelMessage", { messageId: message.id });
  const { canceled, status } = expectAccepted(call, "cancel");
  const wasGoing = cancel(message, world.now);
  require(canceled === wasGoing && status === message.status, () =>
    `INV-05, INV-14: canceling ${message.id} (${message.status}) was answered ${String(canceled)}, ${status}`);
  if (!wasGoing) require(world.changesSince(before).length === 0, () => "canceling what is over changed something");
  driver.note(wasGoing ? "canceled" : "not canceled");
}

export async function redriveMessage(driver: Driver, message: Message): Promise<void> {
  const { world } = driver;
  const before = world.rows();
  const call = await world.call<{ redriven: boolean; status: string }>("lib:redrive", { messageId: message.id });
  const isDead = message.status === "dead_letter";
  const { exists, enabled } = message.conversation.agent;
  if (isDead && !exists) return expectRefusal(call, "agent_not_found", "redrive");
  if (isDead && !enabled) return expectRefusal(call, "agent_disabled", "redrive");
  const { redriven, status } = expectAccepted(call, "redrive");
  if (isDead) redrive(message, world.now);
  require(redriven === isDead && status === message.status, () =>
    `INV-13: redriving ${message.id} (${message.status}) was answered ${String(redriven)}, ${status}`);
  if (!isDead)
    require(world.changesSince(before).length === 0, () => "redriving what is no dead letter changed something");
  driver.note(isDead ? "redriven" : "not redriven");
}
