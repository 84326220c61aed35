/**
 * The pool this one is measured against: a machine pinned to each conversation, created when a message finds none,
 * destroyed after thirty idle minutes.
 *
 * Where its behavior is not known, it is taken to be good: no polling interval, no volumes, no failed calls, creates
 * paced as well as Fly's limits allow, the end of the idle time noticed at once.
 */
import { TokenBuckets } from "../../../src/component/providers/fly/rates.js";
import { ProviderError, type MachineSpec } from "../../../src/component/providers/provider.js";
import { DURATIONS, GUEST, REGION } from "./assumptions.js";
import { Cloud } from "./cloud.js";
import { Draws } from "./random.js";
import type { Measured } from "./results.js";
import type { Message, Trace } from "./traces.js";
import { EPOCH_MS, VirtualTime } from "./virtual-time.js";

const IDLE_MS = 30 * 60_000;
/** The cron that its documentation recommends beside the reconcile that every message starts. */
const CRON_MS = 5 * 60_000;
/** Before a create that was refused all the same is tried again. */
const RETRY_MS = 1_000;

type Conversation = {
  waiting: Message[];
  state: "none" | "coming" | "idle" | "busy";
  machineId: string | null;
  /** The workspace is on its disk. */
  isWarm: boolean;
  idleSince: number;
};

export async function simulateOriginal(trace: Trace, seed: number): Promise<Measured> {
  const time = new VirtualTime();
  const pool = new OriginalPool(time, new Draws(seed));
  for (const message of trace.messages) time.at(EPOCH_MS + message.at, () => pool.accept(message));
  for (let at = CRON_MS; at < trace.endsAt; at += CRON_MS) time.at(EPOCH_MS + at, () => pool.list());
  await time.run(EPOCH_MS + trace.endsAt);
  pool.cloud.close();
  const { waits } = pool;
  return {
    meter: pool.cloud.meter,
    waits,
    met: {},
    providerCalls: pool.cloud.calls,
    lifetimeMs: pool.cloud.lifetimeMs,
  };
}

class OriginalPool {
  readonly cloud: Cloud;
  readonly waits: number[] = [];
  private readonly conversations = new Map<string, Conversation>();
  private readonly buckets = new TokenBuckets();

  constructor(
    private readonly time: VirtualTime,
    private readonly draws: Draws,
  ) {
    this.cloud = new Cloud(time, draws, {
      booted: ({ name }) => time.after(draws.ms(DURATIONS.workerBoot), () => this.becomeIdle(name)),
      thawed: () => undefined,
      halted: () => undefined,
    });
  }

  accept(message: Message): void {
    const { conversationId } = message;
    const conversation = this.conversations.get(conversationId) ?? fresh();
    this.conversations.set(conversationId, conversation);
    conversation.waiting.push(message);
    this.list();
    if (conversation.state === "none") this.time.start(() => this.create(conversationId, conversation));
    if (conversation.state === "idle") this.takeNext(conversationId, conversation);
  }

  /** What its reconcile asks the provider first, whoever starts it. */
  list(): void {
    this.time.start(async () => {
      await this.cloud.listMachines().catch(ignoreRefusal);
    });
  }

  private async create(name: string, conversation: Conversation): Promise<void> {
    conversation.state = "coming";
    // The reconcile that comes to this has listed before.
    const listed = this.draws.ms(DURATIONS.call);
    await this.time.pause(listed + this.buckets.take("create", "app", this.time.now));
    for (;;) {
      try {
        conversation.machineId = (await this.cloud.createMachine(specOf(name))).machineId;
        return;
      } catch (error) {
        ignoreRefusal(error);
        await this.time.pause(RETRY_MS);
      }
    }
  }

  private becomeIdle(conversationId: string): void {
    const conversation = this.conversations.get(conversationId);
    if (conversation === undefined) throw new Error(`No conversation has a machine for ${conversationId}.`);
    conversation.state = "idle";
    conversation.idleSince = this.time.now;
    if (this.takeNext(conversationId, conversation)) return;
    const { idleSince } = conversation;
    this.time.after(IDLE_MS, () => {
      if (conversation.state === "idle" && conversation.idleSince === idleSince)
        this.time.start(() => this.destroy(conversation));
    });
  }

  /** False when nothing waits. */
  private takeNext(conversationId: string, conversation: Conversation): boolean {
    const message = conversation.waiting.shift();
    if (message === undefined) return false;
    conversation.state = "busy";
    const restore = conversation.isWarm ? 0 : this.draws.ms(DURATIONS.restore);
    conversation.isWarm = true;
    this.time.after(this.draws.ms(DURATIONS.claim) + restore, () => {
      this.waits.push(this.time.now - EPOCH_MS - message.at);
      this.time.after(message.turnMs, () => this.becomeIdle(conversationId));
    });
    return true;
  }

  private async destroy(conversation: Conversation): Promise<void> {
    const { machineId } = conversation;
    if (machineId === null) throw new Error("A conversation without a machine cannot be idle.");
    Object.assign(conversation, { ...fresh(), waiting: conversation.waiting });
    // It is cordoned first.
    this.cloud.calls += 1;
    await this.cloud.destroyMachine(machineId);
  }
}

function fresh(): Conversation {
  return { waiting: [], state: "none", machineId: null, isWarm: false, idleSince: 0 };
}

function specOf(name: string): MachineSpec {
  return {
    // A conversation's former machine may still be on its way out under its name.
    name,
    image: "worker",
    region: REGION,
    guest: GUEST,
    environment: {},
    files: {},
    metadata: {},
    stopTimeoutSeconds: 0,
  };
}

/** Refused for coming too soon after others: the next one sees the same. */
function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ProviderError) || (error.kind !== "busy" && error.kind !== "name_taken")) throw error;
}
