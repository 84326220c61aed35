/** One claimed message from claim to end: hydrate, restore, run, stream, save, complete; nothing of it counts before that. */
import type { FailureKind } from "../../src/shared/failure.js";
import type { Claim, SnapshotForRestore } from "../../src/shared/worker-protocol.js";
import { handOverFiles } from "./attachments/hand-over.js";
import { CallAborted, type CallPolicy, type WorkerSession } from "./backend/session.js";
import type { Conversation } from "./conversations/conversation.js";
import type { ConversationPool } from "./conversations/pool.js";
import { DeltaStream, type Delta } from "./delta-stream.js";
import { runHooks } from "./hooks.js";
import type { LeaseJournal } from "./lifecycle/lease-journal.js";
import { errorMessage, type Logger, type SecretFilter } from "./logger.js";
import { RuntimeNotStarted } from "./runtimes/runtime.js";
import type { SkillInstaller } from "./skills/install.js";
import { monotonicMs, timerMs } from "./timing.js";
import { describeFailure, isLeaseLost, TurnFailed } from "./turn-failure.js";
import { environmentFrom, startInputFrom, turnInputFrom } from "./turn-input.js";
import { runInRuntime } from "./turn-output.js";
import { saveTurn } from "./turn-save.js";
import { Settlement } from "./turn-settlement.js";
import type { Checkpointer } from "./workspaces/checkpoint.js";
import { restoreSnapshot } from "./workspaces/restore.js";

export type TurnDependencies = {
  session: WorkerSession;
  conversations: ConversationPool;
  checkpointer: Checkpointer;
  journal: LeaseJournal;
  skills: SkillInstaller;
  filter: SecretFilter;
  logger: Logger;
  temporaryDirectory: string;
  /** Aborted when the process is about to exit whatever happens. */
  exiting: AbortSignal;
};

/** `released`: given back before it began. `lost`: the backend took it away. `abandoned`: nobody could be told. */
export type TurnOutcome = "completed" | "failed" | "released" | "lost" | "abandoned";

/** Why a turn was told to end. */
type EndReason = "lost" | "shutdown" | "deadline" | "stop";

/** Kept back from the run time, to report a turn that took too long while its lease still counts. */
const DEADLINE_MARGIN_MS = 5_000;

export class Turn {
  /** The inbox has listed the lease; only then does its absence mean anything. */
  isListed = false;
  /** What the backend was told that it failed of. */
  failure: FailureKind | null = null;
  private phase: "preparing" | "running" | "settling" = "preparing";
  private readonly ending = new AbortController();
  private endReason: EndReason | null = null;
  private readonly deadlineMs: number;
  private readonly logger: Logger;
  private readonly settlement: Settlement;
  private forgetSecrets = () => {};

  /** @param claimedAtMs when the claim was sent, on the monotonic clock: the backend's clock started no earlier */
  constructor(
    readonly claim: Claim,
    claimedAtMs: number,
    private readonly needs: TurnDependencies,
  ) {
    const { messageId, conversationId, attempt, runTimeoutMs } = claim;
    this.logger = needs.logger.child({ messageId, conversationId, attempt });
    this.deadlineMs = claimedAtMs + runTimeoutMs - Math.min(DEADLINE_MARGIN_MS, runTimeoutMs / 10);
    this.settlement = new Settlement(needs.session, claim, needs.exiting);
  }

  /** The lease is gone: stop, tell nobody. Once the result is on its way, its answer is what decides. */
  leaseLost(): void {
    if (this.phase !== "settling") this.end("lost");
  }

  /** The worker shuts down: a turn that has not begun is given back; with `now`, one that runs is ended too. */
  shutDown({ now }: { now: boolean }): void {
    if (this.phase === "preparing" || (now && this.phase === "running")) this.end("shutdown");
  }

  /** Nothing this worker holds is valid any more. */
  stop(): void {
    this.end("stop");
  }

  /** Never throws. */
  async run(): Promise<TurnOutcome> {
    const startedAt = monotonicMs();
    const deadline = setTimeout(() => this.end("deadline"), timerMs(this.deadlineMs - startedAt));
    let outcome: TurnOutcome;
    try {
      await this.needs.journal.add(this.claim);
      const conversation = this.needs.conversations.get(this.claim.conversationId);
      outcome = await conversation.exclusively(() => this.inConversation(conversation));
    } catch (error) {
      outcome = await this.settleFailure(error);
    } finally {
      clearTimeout(deadline);
      this.forgetSecrets();
    }
    // What nobody could be told about is left for the next process to give back.
    if (outcome !== "abandoned") await this.needs.journal.remove(this.claim.leaseId).catch(() => {});
    this.logger.info({ outcome, durationMs: Math.round(monotonicMs() - startedAt) }, "The turn is over.");
    return outcome;
  }

  private async inConversation(conversation: Conversation): Promise<"completed"> {
    const { session } = this.needs;
    const bundle = await session.query(
      "workerHydrationBundle",
      (credentials) => ({ ...credentials, ...this.lease }),
      this.policy,
    );
    const environment = environmentFrom(bundle);
    this.forgetSecrets = this.needs.filter.hold(Object.values(environment));
    await this.prepareWorkspace(conversation, bundle.snapshot);
    this.throwIfEnded();
    const { paths } = conversation.workspace;
    const [signal, logger] = [this.ending.signal, this.logger];
    const stopRuntime = () => conversation.stopRuntime();
    const place = { root: paths.root, stopRuntime, signal, logger };
    const { skills } = await this.needs.skills.install(bundle, environment, place);
    this.throwIfEnded();
    if ((bundle.payload.attachments ?? []).length > 0) await conversation.workspace.markDirty();
    const input = await turnInputFrom(this.claim, bundle, { paths, skills, signal, logger });
    this.throwIfEnded();
    const runtime = await conversation.startedRuntime(startInputFrom(bundle), signal).catch((error: unknown) => {
      const kind = error instanceof RuntimeNotStarted ? error.kind : "runtime_crashed";
      throw new TurnFailed(`The agent runtime could not be started: ${errorMessage(error)}`, kind);
    });
    this.throwIfEnded();

    this.phase = "running";
    await conversation.workspace.markDirty();
    const over = new AbortController();
    const deltas = new DeltaStream(
      (delta) => this.sendDelta(delta),
      AbortSignal.any([this.ending.signal, over.signal]),
    );
    try {
      const { hooks } = bundle.profile;
      const { filter } = this.needs;
      const places = { workspaceDirectory: paths.workspace, temporaryDirectory: paths.temporary };
      const hookContext = { ...places, environment, filter, logger, signal };
      await runHooks("before", hooks.beforeTurn, hookContext);
      this.throwIfEnded();
      const output = await runInRuntime(runtime, input, deltas, {
        signal,
        forceStop: () => conversation.stopRuntime(),
        logger,
      });
      this.throwIfEnded();
      if (output === null) throw new CallAborted("The turn was ended.");
      if (output.failure !== null) {
        const { kind, message, retryAfterMs } = output.failure;
        // Nobody here had asked for it.
        throw new TurnFailed(message, kind === "aborted" ? "runtime_crashed" : kind, retryAfterMs);
      }
      await runHooks("after", hooks.afterTurn, hookContext);
      this.throwIfEnded();
      const { workspace: workspaceDirectory } = paths;
      const left = await handOverFiles({ session, lease: this.lease, workspaceDirectory, policy: this.policy, logger });
      for (const { name, why } of left) deltas.push(`\n\n[${name} could not be handed over, because ${why}.]`);
      this.throwIfEnded();
      const { treeDigest, snapshotId } = await saveTurn(this.claim, conversation, deltas, {
        checkpointer: this.needs.checkpointer,
        policy: this.policy,
        logger,
      });
      this.throwIfEnded();

      this.phase = "settling";
      await this.settlement.complete({ reply: deltas.reply, usage: output.usage, snapshotId });
      await conversation.workspace.commit(treeDigest, snapshotId).catch((error: unknown) => {
        // The turn counts; the folder stays marked and is restored from the snapshot next time.
        this.logger.warn({ error }, "The workspace could not be marked as saved.");
      });
      return "completed";
    } finally {
      over.abort();
    }
  }

  private async prepareWorkspace(conversation: Conversation, snapshot: SnapshotForRestore | null): Promise<void> {
    const { session, temporaryDirectory } = this.needs;
    const refresh = () =>
      session.query(
        "workerLatestSnapshotForRestore",
        (credentials) => ({ ...credentials, ...this.lease }),
        this.policy,
      );
    const from = { temporaryDirectory, refresh, logger: this.logger, signal: this.ending.signal };
    const result = await conversation.workspace.prepare(
      snapshot,
      this.claim.generation,
      (source, root) => restoreSnapshot(source, root, from),
      () => conversation.stopRuntime(),
    );
    this.logger.debug({ workspace: result, snapshotId: snapshot?.snapshotId ?? null }, "The workspace is ready.");
  }

  private async sendDelta({ offset, text, tools }: Delta): Promise<number> {
    try {
      const { length } = await this.needs.session.mutate(
        "workerAppendTurnDelta",
        (credentials) => ({ ...credentials, ...this.lease, offset, text, ...(tools.length > 0 && { tools }) }),
        this.policy,
      );
      return length;
    } catch (error) {
      if (isLeaseLost(error)) this.leaseLost();
      throw error;
    }
  }

  /** Ends a turn that has no result. Never throws. */
  private async settleFailure(error: unknown): Promise<TurnOutcome> {
    const wasBegun = this.phase !== "preparing";
    this.phase = "settling";
    if (this.endReason === "lost" || isLeaseLost(error)) return "lost";
    if (this.endReason === "stop") return "abandoned";
    try {
      if (this.endReason === "shutdown" && !wasBegun) {
        await this.settlement.release();
        return "released";
      }
      const report = describeFailure(this.endedBecause() ?? error);
      this.failure = report.errorKind;
      this.logger.warn({ error, ...report }, "The turn failed.");
      await this.settlement.fail({ ...report, errorMessage: this.needs.filter.clean(report.errorMessage) });
      return "failed";
    } catch (failure) {
      if (isLeaseLost(failure)) return "lost";
      this.logger.warn({ reason: errorMessage(failure) }, "The turn's end could not be reported.");
      return "abandoned";
    }
  }

  private endedBecause(): TurnFailed | null {
    switch (this.endReason) {
      case "deadline": {
        const seconds = Math.round(this.claim.runTimeoutMs / 1_000);
        return new TurnFailed(`The turn took longer than ${seconds} seconds and was stopped.`, "timeout");
      }
      case "shutdown":
        return new TurnFailed("The worker was shut down before the turn was over.", "worker_lost");
      default:
        return null;
    }
  }

  private end(reason: EndReason): void {
    // The first reason stands, except that nothing is to be reported once everything is lost.
    if (this.endReason === null || reason === "lost" || reason === "stop") this.endReason = reason;
    this.ending.abort();
  }

  private throwIfEnded(): void {
    if (this.ending.signal.aborted) throw new CallAborted("The turn was ended.");
  }

  private get lease() {
    const { messageId, leaseId, generation } = this.claim;
    return { messageId, leaseId, generation };
  }

  private get policy(): CallPolicy & { signal: AbortSignal } {
    return { signal: this.ending.signal };
  }
}
