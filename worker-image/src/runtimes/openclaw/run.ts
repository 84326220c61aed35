/** One turn in the gateway: asked once, whatever happens to the connection, and ended exactly once. */
import { diskProblem } from "../../disk-failure.js";
import type { Logger } from "../../logger.js";
import { errorMessage } from "../../logger.js";
import { settledWithin, sleep } from "../../timing.js";
import { redacted } from "../redaction.js";
import type { RuntimeEvent, RuntimeFailure, TurnInput } from "../runtime.js";
import { CallRefused, ConnectionLost, type GatewayConnection } from "./connection.js";
import { EventQueue } from "./event-queue.js";
import { ABORTED, LOOPED, runFailure } from "./failure.js";
import { SESSION_KEY } from "./gateway-config.js";
import type { ModelGate } from "./model-gate.js";
import type { Picture } from "./pictures.js";
import { vAgentAnswer, vWaitAnswer, type AgentAnswer } from "./protocol.js";
import { RunEvents } from "./run-events.js";

/** What a run needs of the gateway. */
export type RunGateway = {
  /** An open connection, a new one if the last is lost. @throws when the gateway is gone */
  connection(): Promise<GatewayConnection>;
  /** Ends the gateway at once: what it runs can no longer be stopped in any other way. */
  kill(): void;
  /** What the end of the gateway means for the turn that it ran. */
  crash(): Promise<RuntimeFailure>;
  readonly gate: Pick<ModelGate, "refused">;
};

/** A loopback connection breaks when the gateway dies, or when it thinks this side too slow: a few times a turn at most. */
const MAX_CONNECTIONS = 5;
/** The gateway takes the run before it answers; a busy one takes its time. */
const CALL_TIMEOUT_MS = 30_000;
/** OpenClaw ends a run at its own limit; this is for an answer that never comes. */
const RESULT_MARGIN_MS = 60_000;
/** An abort takes about 40 ms. Two seconds are promised; after this long the gateway is not going to make it. */
const ABORT_WITHIN_MS = 1_300;
const ABORT_AGAIN_MS = 200;

/** What the gateway is asked with, besides the system prompt. */
export type RunRequest = { message: string; attachments: readonly Picture[] };

export class Run {
  private readonly queue = new EventQueue<RuntimeEvent>();
  private readonly events: RunEvents;
  private isAborted = false;
  private readonly finished: Promise<void>;
  private finish = () => {};

  constructor(
    private readonly input: TurnInput,
    private readonly gateway: RunGateway,
    private readonly turnTimeoutSeconds: number,
    private readonly logger: Logger,
    /** Reads what the request needs from the disk. */
    private readonly prepare: () => Promise<RunRequest>,
  ) {
    this.events = new RunEvents(input.turnId);
    this.finished = new Promise((resolve) => {
      this.finish = resolve;
    });
  }

  get turnId(): string {
    return this.input.turnId;
  }

  /** Whatever the connection hears. */
  onEvent(event: string, payload: unknown): void {
    this.queue.push(...this.events.take(event, payload));
  }

  /** The turn from beginning to end; never throws. */
  async *run(): AsyncGenerator<RuntimeEvent> {
    void this.drive();
    yield* this.queue;
  }

  /** Ends the turn within two seconds; returns when it has ended. */
  async abort(): Promise<void> {
    this.isAborted = true;
    const ended = this.finished;
    const giveUp = new AbortController();
    const asking = this.askToAbort(giveUp.signal);
    if (!(await settledWithin(ended, ABORT_WITHIN_MS))) {
      this.logger.warn("OpenClaw did not stop the turn in time; it is being ended.");
      this.gateway.kill();
      this.fail(ABORTED);
    }
    giveUp.abort();
    await asking;
  }

  /** The gateway is being ended, and the turn with it. */
  end(failure: RuntimeFailure): void {
    this.fail(this.isAborted ? ABORTED : failure);
  }

  /** Asked again and again: the first time may be before the gateway knows of the run. */
  private async askToAbort(giveUp: AbortSignal): Promise<void> {
    while (!giveUp.aborted && !this.queue.hasEnded) {
      try {
        const connection = await this.gateway.connection();
        await connection.call(
          "chat.abort",
          { sessionKey: SESSION_KEY, runId: this.turnId },
          { timeoutMs: ABORT_WITHIN_MS },
        );
      } catch (error) {
        this.logger.debug({ reason: errorMessage(error) }, "Asking to abort failed.");
      }
      await sleep(ABORT_AGAIN_MS, giveUp);
    }
  }

  private async drive(): Promise<void> {
    let request: RunRequest;
    try {
      request = await this.prepare();
    } catch (error) {
      this.logger.error({ reason: errorMessage(error) }, "The message could not be made ready for OpenClaw.");
      const disk = diskProblem(error);
      const message = disk ?? "The message could not be made ready for OpenClaw; the worker's log says why.";
      return this.end({ kind: disk === null ? "runtime_crashed" : "disk_full", message });
    }
    // Nothing has been asked yet, so there is nothing to stop.
    if (this.isAborted) return this.fail(ABORTED);
    try {
      this.settle(await this.result(request));
    } catch (error) {
      if (error instanceof CallRefused) this.settle(vAgentAnswer.safeParse(error.payload).data ?? null, error);
      else {
        this.logger.warn({ reason: errorMessage(error) }, "OpenClaw was lost during the turn.");
        this.end(await this.gateway.crash());
      }
    }
  }

  /** @throws CallRefused, ConnectionLost when the gateway is gone */
  private async result(request: RunRequest): Promise<AgentAnswer | null> {
    for (let tries = 1; ; tries++) {
      const connection = await this.gateway.connection();
      try {
        return await this.ask(connection, request);
      } catch (error) {
        if (!(error instanceof ConnectionLost) || tries >= MAX_CONNECTIONS) throw error;
        this.logger.warn({ reason: errorMessage(error) }, "Asking OpenClaw again for the turn that runs.");
      }
    }
  }

  /** The same key makes the same run: asked again, the gateway says that it runs, or how it ended. */
  private async ask(connection: GatewayConnection, { message, attachments }: RunRequest): Promise<AgentAnswer | null> {
    const { turnId } = this.input;
    const told = systemPrompt(this.input);
    const parameters = {
      message,
      sessionKey: SESSION_KEY,
      idempotencyKey: turnId,
      deliver: false,
      ...(attachments.length > 0 && { attachments }),
      ...(told !== null && { extraSystemPrompt: told }),
    };
    const limitMs = this.turnTimeoutSeconds * 1_000 + RESULT_MARGIN_MS;
    const isLast = (payload: unknown) => vAgentAnswer.safeParse(payload).data?.status !== "accepted";
    const first = await connection.call("agent", parameters, { timeoutMs: limitMs, isLast });
    const answer = vAgentAnswer.safeParse(first).data ?? null;
    if (answer?.status !== "in_flight") return answer;
    await this.untilOver(connection, limitMs);
    const last = await connection.call("agent", parameters, { timeoutMs: CALL_TIMEOUT_MS });
    return vAgentAnswer.safeParse(last).data ?? null;
  }

  private async untilOver(connection: GatewayConnection, limitMs: number): Promise<void> {
    const rounds = Math.ceil(limitMs / CALL_TIMEOUT_MS);
    for (let round = 0; round < rounds; round++) {
      const answer = await connection.call(
        "agent.wait",
        { runId: this.turnId, timeoutMs: CALL_TIMEOUT_MS },
        { timeoutMs: 2 * CALL_TIMEOUT_MS },
      );
      if (vWaitAnswer.safeParse(answer).data?.endedAt != null) return;
    }
    throw new ConnectionLost("OpenClaw does not say how the turn ended.");
  }

  private settle(answer: AgentAnswer | null, refusal?: CallRefused): void {
    if (this.queue.hasEnded) return;
    if (refusal === undefined && answer?.status === "ok") {
      this.queue.push(...this.events.rest(answer));
      if (this.events.wasCorrected) this.logger.info("OpenClaw changed words that had been streamed already.");
      this.queue.end({ type: "done" });
      this.finish();
      return;
    }
    if (this.isAborted) return this.fail(ABORTED);
    const reason = redacted(
      refusal?.message ?? `${answer?.status} ${answer?.stopReason ?? ""}`,
      this.input.environment,
    );
    const { failoverReason } = this.events;
    this.logger.warn({ reason, failoverReason }, "OpenClaw could not finish the turn.");
    if (answer?.status === "timeout") {
      return this.fail({ kind: "timeout", message: "OpenClaw stopped the turn because it took too long." });
    }
    if (this.events.wentInCircles) return this.fail(LOOPED);
    this.fail(runFailure(failoverReason, this.gateway.gate.refused));
  }

  private fail(failure: RuntimeFailure): void {
    if (this.queue.hasEnded) return;
    this.queue.push(...this.events.closeTools("failed"));
    this.queue.end({ type: "error", failure });
    this.finish();
  }
}

/**
 * The agent's instructions, and what the component tells about this message, e.g. which ones were left out before it.
 * Everything earlier OpenClaw remembers itself. Pure.
 */
export function systemPrompt({ agent, history }: Pick<TurnInput, "agent" | "history">): string | null {
  const newest = history.slice(history.findLastIndex(({ role }) => role !== "system") + 1);
  const parts = [agent.instructions ?? "", ...newest.map(({ content }) => content)].filter((part) => part !== "");
  return parts.length === 0 ? null : parts.join("\n\n");
}
