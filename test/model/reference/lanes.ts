/** Which message of a conversation is next, and in which phase that puts the conversation. */
import { isOpen, queuedOf, type Conversation, type Message, type Reference } from "./state.js";

/**
 * The head: the first message in line and the first to come due of those that stand aside compete. What is due wins; of
 * two that are due the one accepted first, of none the one due first.
 */
export function headOf(conversation: Conversation, now: number): Message | null {
  const queued = queuedOf(conversation);
  const [inLine] = queued.filter(({ blocks }) => blocks).sort((left, right) => left.sequence - right.sequence);
  const [aside] = queued
    .filter(({ blocks }) => !blocks)
    .sort((left, right) => left.dueAt - right.dueAt || left.sequence - right.sequence);
  if (inLine === undefined || aside === undefined) return inLine ?? aside ?? null;
  const due = [inLine, aside].filter(({ dueAt }) => dueAt <= now);
  if (due.length === 2) return inLine.sequence < aside.sequence ? inLine : aside;
  return due[0] ?? (inLine.dueAt <= aside.dueAt ? inLine : aside);
}

/** Puts the conversation where its head belongs. */
export function settle(conversation: Conversation, now: number): void {
  const head = headOf(conversation, now);
  conversation.phase = head === null ? "idle" : head.dueAt <= now ? "due" : "later";
}

/** After its messages have changed: whoever runs goes on, and what is put aside stays there while it has messages. */
export function reconsider(conversation: Conversation, now: number): void {
  const { phase } = conversation;
  const stays = phase === "leased" || (phase === "paused" && queuedOf(conversation).length > 0);
  if (!stays) settle(conversation, now);
}

/** Notices what the clock has made due. */
export function wake(reference: Reference, now: number): void {
  for (const conversation of reference.conversations) {
    if (conversation.phase !== "later") continue;
    const head = headOf(conversation, now);
    if (head === null || head.dueAt <= now) settle(conversation, now);
  }
}

/** Takes up again what was put aside while the agent was disabled. */
export function resume(reference: Reference, agentKey: string, now: number): void {
  for (const conversation of reference.conversations) {
    const { agent, phase } = conversation;
    if (agent.key === agentKey && isOpen(agent) && phase === "paused") settle(conversation, now);
  }
}
