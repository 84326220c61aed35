/** The queue as far as the pool can tell: conversations whose messages run one after the other, and which of them wait. */
import { WARM_WORKER_GRACE_MS } from "../../../src/component/queue/lane.js";
import type { WaitingLane } from "../../../src/component/pool/plan/situation.js";
import type { Message } from "./traces.js";

export type Lane = WaitingLane & {
  messages: Message[];
  state: "idle" | "ready" | "leased";
  readySince: number;
  /** Only this worker may claim it, until `reservedUntil`; `null`: any. */
  reservedFor: string | null;
  reservedUntil: number;
  /** Whose disk holds the newest workspace. */
  warmWorkerId: string | null;
  /** A worker is about to claim it. */
  isPicked: boolean;
};

export class Lanes {
  /** Ready ones, in the order in which they became so. */
  readonly ready = new Set<Lane>();
  private readonly lanes = new Map<string, Lane>();

  /** Adds a message; true when its lane was idle, so that it could run now. */
  accept(message: Message): { lane: Lane; isHead: boolean } {
    const { conversationId, userId } = message;
    const lane = this.lanes.get(conversationId) ?? {
      conversationId,
      agentKey: "assistant",
      consumerUserId: userId,
      messages: [],
      state: "idle",
      readySince: 0,
      reservedFor: null,
      reservedUntil: 0,
      warmWorkerId: null,
      isPicked: false,
    };
    this.lanes.set(conversationId, lane);
    lane.messages.push(message);
    return { lane, isHead: lane.state === "idle" };
  }

  /** The head may run, first by the worker it is reserved for. */
  makeReady(lane: Lane, reservedFor: string | null, now: number): void {
    lane.state = "ready";
    lane.readySince = now;
    lane.reservedFor = reservedFor;
    lane.reservedUntil = reservedFor === null ? now : now + WARM_WORKER_GRACE_MS;
    this.ready.add(lane);
  }

  /** Reserves a ready lane that is anybody's; `null` when there is none. */
  keepFor(conversationId: string, workerId: string, now: number): Lane | null {
    const lane = this.lanes.get(conversationId);
    if (lane?.state !== "ready" || (lane.reservedFor !== null && now < lane.reservedUntil)) return null;
    lane.reservedFor = workerId;
    lane.reservedUntil = now + WARM_WORKER_GRACE_MS;
    return lane;
  }

  isOpenTo(lane: Lane, workerId: string, now: number): boolean {
    return lane.reservedFor === null || lane.reservedFor === workerId || now >= lane.reservedUntil;
  }

  /** @throws when nothing waits in it */
  claim(lane: Lane, workerId: string): Message {
    const message = lane.messages.shift();
    if (message === undefined) throw new Error(`Nothing waits in ${lane.conversationId}.`);
    this.ready.delete(lane);
    lane.state = "leased";
    lane.warmWorkerId = workerId;
    return message;
  }
}
