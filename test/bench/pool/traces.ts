/** The four workloads: who sends a message when, and how long its turn takes. The same for every policy. */
import { Draws } from "./random.js";

export const TRACES = ["office_day", "spike", "long_tail", "hot_user"] as const;
export type TraceName = (typeof TRACES)[number];

export type Message = {
  /** ms since the trace began. */
  at: number;
  conversationId: string;
  userId: string;
  /** How long a worker is busy with it once everything it needs is there. */
  turnMs: number;
};

export type Trace = {
  name: TraceName;
  /** By time. */
  messages: Message[];
  /** What is there at this time is billed until then, ms. */
  endsAt: number;
};

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A model that calls a few tools: half of all turns take less, one in forty takes five times as long. */
const TURN_MEDIAN_MS = 12 * SECOND;
const TURN_SIGMA = 0.8;
const TURN_LONGEST_MS = 5 * MINUTE;
/** Reading an answer and typing the next message. */
const THINK_MEDIAN_MS = 45 * SECOND;
const THINK_SIGMA = 1;

export function makeTrace(name: TraceName, seed: number): Trace {
  // Each trace has its own draws: one that changes leaves the others as they are.
  const draws = new Draws(seed * 16 + TRACES.indexOf(name));
  const { messages, endsAt } = MAKERS[name](draws);
  return { name, messages: messages.sort((left, right) => left.at - right.at), endsAt };
}

const MAKERS: Record<TraceName, (draws: Draws) => Omit<Trace, "name">> = {
  office_day: officeDay,
  spike,
  long_tail: longTail,
  hot_user: hotUser,
};

function turnOf(draws: Draws): number {
  return Math.round(Math.min(TURN_LONGEST_MS, draws.logNormal(TURN_MEDIAN_MS, TURN_SIGMA)));
}

/** Messages of one sitting, as they would come if each were answered at once. */
function sitting(draws: Draws, who: Pick<Message, "conversationId" | "userId">, from: number, count: number) {
  const messages: Message[] = [];
  let at = Math.round(from);
  for (let index = 0; index < count; index++) {
    const turnMs = turnOf(draws);
    messages.push({ at, ...who, turnMs });
    at += turnMs + Math.round(draws.logNormal(THINK_MEDIAN_MS, THINK_SIGMA));
  }
  return messages;
}

/**
 * 1,000 users with two sittings each on average, most of them around ten and around three, of four messages on average;
 * every third user has a second or a third conversation. A day, from midnight to midnight.
 */
function officeDay(draws: Draws): Omit<Trace, "name"> {
  const messages: Message[] = [];
  for (let user = 0; user < 1_000; user++) {
    const userId = `user${user}`;
    const conversations = draws.pick([1, 1, 1, 1, 2, 3]);
    const sittings = draws.poisson(2);
    for (let count = 0; count < sittings; count++) {
      const peak = draws.unit() < 0.55 ? 10 * HOUR : 15 * HOUR;
      const from = Math.min(19 * HOUR, Math.max(7 * HOUR, draws.normal(peak, 1.5 * HOUR)));
      const conversationId = `${userId}/${Math.floor(draws.unit() * conversations)}`;
      messages.push(...sitting(draws, { conversationId, userId }, from, draws.geometric(4)));
    }
  }
  return { messages, endsAt: DAY };
}

/** 200 conversations of as many users write within ten seconds, after ten minutes of nothing. An hour in all. */
function spike(draws: Draws): Omit<Trace, "name"> {
  const messages = Array.from({ length: 200 }, (_, user): Message => {
    const at = 10 * MINUTE + draws.ms([0, 10 * SECOND]);
    return { at, conversationId: `user${user}/0`, userId: `user${user}`, turnMs: turnOf(draws) };
  });
  return { messages, endsAt: HOUR };
}

/**
 * 1,000 users, each of whom writes one message a day at about the same time. Three days, so that what is kept from one day
 * to the next is both paid and used.
 */
function longTail(draws: Draws): Omit<Trace, "name"> {
  const days = 3;
  const messages: Message[] = [];
  for (let user = 0; user < 1_000; user++) {
    const usual = draws.uniform([0, DAY]);
    for (let day = 0; day < days; day++) {
      const within = (((usual + draws.normal(0, HOUR)) % DAY) + DAY) % DAY;
      const at = Math.round(day * DAY + within);
      messages.push({ at, conversationId: `user${user}/0`, userId: `user${user}`, turnMs: turnOf(draws) });
    }
  }
  return { messages, endsAt: days * DAY };
}

/** One user who works with an agent for eight hours, and now and then with two others. Twelve hours. */
function hotUser(draws: Draws): Omit<Trace, "name"> {
  const userId = "user0";
  const messages: Message[] = [];
  for (const [conversation, everyMs] of [0, 10 * MINUTE, 25 * MINUTE].entries()) {
    const who = { conversationId: `${userId}/${conversation}`, userId };
    if (everyMs === 0) {
      messages.push(...sitting(draws, who, HOUR, 1_000).filter(({ at }) => at < 9 * HOUR));
      continue;
    }
    for (let at = HOUR; at < 9 * HOUR; at += Math.round(everyMs * draws.uniform([0.5, 1.5]))) {
      messages.push({ at, ...who, turnMs: turnOf(draws) });
    }
  }
  return { messages, endsAt: 12 * HOUR };
}
