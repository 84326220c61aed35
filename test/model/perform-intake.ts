/** Steps of those who send messages. */
import { headOf, settle } from "./reference/lanes.js";
import type { Conversation, Message } from "./reference/state.js";
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
  if (!agent.enabled) return expectRefusal(outcome, "agent_disabled", "enqueue for a disabled agent");
  const id = expectAccepted(outcome, "enqueue");
  require(!reference.messages.has(id), () => `INV-17: a new message got the id of another one, ${id}`);
  conversation.lastSequence += 1;
  const message: Message = {
    id,
    conversation,
    sequence: conversation.lastSequence,
    status: "queued",
    priority: step.priority ?? 0,
    dueAt: Math.max(scheduledFor ?? now, now),
    blocks: true,
    attempts: 0,
    maxAttempts: step.maxAttempts ?? agent.policy.maxAttempts,
    releases: 0,
    errors: [],
    completion: null,
  };
  conversation.messages.push(message);
  reference.messages.set(id, message);
  if (delivery !== null) reference.deliveries.set(delivery, message);
  const isNext = conversation.phase === "later" && headOf(conversation, now) === message;
  if (conversation.phase === "idle" || isNext) settle(conversation, now);
  driver.note("enqueued");
}
