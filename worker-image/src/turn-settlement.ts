/** Tells the backend how a turn ended: completed, failed or given back. Each is repeated until it has an answer. */
import type { Usage } from "../../src/shared/payload.js";
import type { Claim } from "../../src/shared/worker-protocol.js";
import type { CallPolicy, WorkerSession } from "./backend/session.js";
import { monotonicMs } from "./timing.js";
import type { FailureReport } from "./turn-failure.js";

/** How long to try to report a turn's end during an outage; after that the lease has expired anyway. */
const SETTLE_WINDOW_MS = 60_000;

export type TurnResult = { reply: string; usage: Usage | null; snapshotId: string | null };

export class Settlement {
  private readonly lease: Pick<Claim, "messageId" | "leaseId" | "generation">;

  /** @param exiting aborted when the process is about to exit whatever happens */
  constructor(
    private readonly session: WorkerSession,
    { messageId, leaseId, generation }: Claim,
    private readonly exiting: AbortSignal,
  ) {
    this.lease = { messageId, leaseId, generation };
  }

  /** Equal arguments at every try, so that the backend can tell a repeated call from a second result. */
  async complete({ reply, usage, snapshotId }: TurnResult): Promise<void> {
    const result = { reply, ...(usage !== null && { usage }), ...(snapshotId !== null && { snapshotId }) };
    await this.session.mutate(
      "workerComplete",
      (credentials) => ({ ...credentials, ...this.lease, ...result }),
      this.policy,
    );
  }

  async fail(report: FailureReport): Promise<void> {
    await this.session.mutate(
      "workerFail",
      (credentials) => ({ ...credentials, ...this.lease, ...report }),
      this.policy,
    );
  }

  async release(): Promise<void> {
    await this.session.mutate("workerRelease", (credentials) => ({ ...credentials, ...this.lease }), this.policy);
  }

  private get policy(): CallPolicy {
    return { signal: this.exiting, giveUpAtMs: monotonicMs() + SETTLE_WINDOW_MS };
  }
}
