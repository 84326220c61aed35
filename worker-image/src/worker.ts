/** Puts the worker together and leads it through its life: enroll, run, drain or stop, and the exit code that follows. */
import { constants } from "node:fs";
import { access, mkdir } from "node:fs/promises";
import { isAgentFactoryError } from "../../src/shared/errors.js";
import type { BackendConnection } from "./backend/connection.js";
import { CALL_TIMEOUT_MS, isRejection, WorkerSession } from "./backend/session.js";
import { ConfigError, type WorkerConfig } from "./config.js";
import { ConversationPool } from "./conversations/pool.js";
import { EXIT_DONE, EXIT_REJECTED } from "./exit-codes.js";
import { watchClock } from "./lifecycle/clock-watch.js";
import { DiskWatch } from "./lifecycle/disk-watch.js";
import { enroll, EnrollmentAborted, type Enrolled } from "./lifecycle/enrollment.js";
import type { HealthReport } from "./lifecycle/health-server.js";
import { Heartbeat } from "./lifecycle/heartbeat.js";
import type { Identity } from "./lifecycle/identity.js";
import { InboxWatcher } from "./lifecycle/inbox.js";
import { LeaseJournal } from "./lifecycle/lease-journal.js";
import { failLeftovers } from "./lifecycle/leftovers.js";
import { saveChangedWorkspaces } from "./lifecycle/final-save.js";
import { TokenRotation } from "./lifecycle/token-rotation.js";
import { errorMessage, type Logger, type SecretFilter } from "./logger.js";
import { WorkerLoop } from "./loop.js";
import type { Runtime, RuntimeContext } from "./runtimes/runtime.js";
import { SkillInstaller } from "./skills/install.js";
import { monotonicMs, settledWithin, sleep, untilAborted } from "./timing.js";
import { Turn } from "./turn.js";
import { Checkpointer } from "./workspaces/checkpoint.js";
import { temporaryDirectory } from "./workspaces/paths.js";

/** A stopped machine's process is killed after 30 s: turns get the larger part of it, saving and farewell the rest. */
const SIGNAL_GRACE_MS = 15_000;
const SIGNAL_SAVE_MS = 6_000;
const FAREWELL_MS = 3_000;
/** A drain that the backend asked for lets turns end, each within its own deadline, but leaves the save bounded. */
const DRAIN_SAVE_MS = 120_000;
const REJECTION_CHECK_PAUSE_MS = 5_000;

export type WorkerParts = {
  config: WorkerConfig;
  connection: BackendConnection;
  createRuntime: (context: RuntimeContext) => Runtime;
  filter: SecretFilter;
  logger: Logger;
  /** How long turns may go on after a signal; see {@link SIGNAL_GRACE_MS}. */
  signalGraceMs?: number;
};

type Ending = { kind: "drain" | "stop" | "rejected"; exitCode: number };

export class Worker {
  private state: "enrolling" | "running" | "draining" | "stopping" = "enrolling";
  private loop: WorkerLoop | null = null;
  private readonly grace = new AbortController();
  private readonly exiting = new AbortController();
  private readonly leaving = new AbortController();
  private ending: Ending | null = null;
  private announceEnding: (ending: Ending) => void = () => {};
  private isCheckingRejection = false;
  private isSignaled = false;

  constructor(private readonly parts: WorkerParts) {}

  health(): HealthReport {
    return {
      state: this.state,
      runtime: this.parts.config.runtime,
      runningConversations: this.loop?.running ?? 0,
      backendConnected: this.parts.connection.isConnected,
    };
  }

  /** Told to go by a signal (or by a defect, with its exit code): finish what can be finished in the time there is. */
  shutDown(exitCode: number = EXIT_DONE): void {
    if (!this.isSignaled) {
      this.isSignaled = true;
      setTimeout(() => this.grace.abort(), this.parts.signalGraceMs ?? SIGNAL_GRACE_MS).unref();
    }
    this.end({ kind: "drain", exitCode });
  }

  /** Runs until the worker is done, and returns its exit code. @throws ConfigError, EnrollmentRejected */
  async run(): Promise<number> {
    const { connection } = this.parts;
    try {
      await requireWritable(this.parts.config.dataDirectory);
      const enrolled = await enroll({ ...this.parts, signal: this.leaving.signal });
      return await this.work(enrolled);
    } catch (error) {
      if (error instanceof EnrollmentAborted) return this.ending?.exitCode ?? EXIT_DONE;
      throw error;
    } finally {
      this.state = "stopping";
      this.leaving.abort();
      this.exiting.abort();
      await connection.close();
    }
  }

  private async work({ identity, enrollment, isSameWorker }: Enrolled): Promise<number> {
    const { config, connection, createRuntime, filter, logger } = this.parts;
    const onRejected = () => void this.checkRejection(session, identity);
    const session: WorkerSession = new WorkerSession(connection, identity, logger, onRejected);
    const conversations = new ConversationPool(config.dataDirectory, createRuntime, logger);
    const journal = new LeaseJournal(config.dataDirectory);
    const disk = new DiskWatch(config.dataDirectory, logger);
    await conversations.prepareDisk({ keepFolders: isSameWorker });

    const checkpointer = new Checkpointer(session, temporaryDirectory(config.dataDirectory), logger);
    const needs = {
      session,
      conversations,
      checkpointer,
      journal,
      skills: new SkillInstaller(session, config, logger),
      filter,
      logger,
      temporaryDirectory: temporaryDirectory(config.dataDirectory),
      exiting: this.exiting.signal,
    };
    const loop = new WorkerLoop({
      session,
      capacity: enrollment.conversationsPerWorker,
      createTurn: (claim, claimedAtMs) => new Turn(claim, claimedAtMs, needs),
      watchInbox: (wantsWork) => inbox.watch(wantsWork),
      onDrain: () => this.end({ kind: "drain", exitCode: EXIT_DONE }),
      onStop: () => this.end({ kind: "stop", exitCode: EXIT_DONE }),
      onTurnOver: async (failure) => {
        const tidied = conversations.tidy(enrollment.conversationsPerWorker);
        const isUsable = await disk.isUsableAfter(failure, () => tidied);
        if (!isUsable) this.end({ kind: "drain", exitCode: EXIT_DONE });
      },
      logger,
    });
    const inbox: InboxWatcher = new InboxWatcher(session, (news) => loop.onInbox(news), onRejected, logger);
    const heartbeat = new Heartbeat(session, enrollment.heartbeatIntervalMs, loop, logger);
    const rotation = new TokenRotation(connection, identity, logger, {
      rotated: () => inbox.watch(loop.running < enrollment.conversationsPerWorker),
      rejected: onRejected,
    });
    this.loop = loop;
    this.state = "running";
    logger.info({ workerId: identity.workerId, runtime: config.runtime }, "The worker is running.");

    const ended = new Promise<Ending>((resolve) => (this.announceEnding = resolve));
    if (this.ending !== null) this.announceEnding(this.ending);
    const stopWatchingClock = watchClock((awayMs) => {
      logger.info({ awayMs }, "Time has passed without this process: it was suspended or the clock was set.");
      connection.reconnect("the clock jumped");
      loop.comeBack();
      heartbeat.now();
    });
    const stopWatchingConnection = connection.onConnectionChange((isConnected) => {
      logger.info(isConnected ? "Connected to the backend." : "The connection to the backend is gone.");
      if (isConnected) heartbeat.now();
    });
    const background = [
      heartbeat.run(this.leaving.signal),
      rotation.run(enrollment.tokenLifetimeMs, this.leaving.signal),
      failLeftovers(session, journal, logger, this.leaving.signal).then((unanswered) => {
        loop.abandon(unanswered);
        inbox.watch(true);
      }),
    ];
    try {
      const ending = await ended;
      await this.leave(ending, loop, session, conversations, checkpointer);
      return this.ending?.exitCode ?? ending.exitCode;
    } finally {
      stopWatchingClock();
      stopWatchingConnection();
      inbox.stop();
      this.leaving.abort();
      await settledWithin(Promise.allSettled(background), 1_000);
    }
  }

  private async leave(
    { kind }: Ending,
    loop: WorkerLoop,
    session: WorkerSession,
    conversations: ConversationPool,
    checkpointer: Checkpointer,
  ): Promise<void> {
    const { logger } = this.parts;
    logger.info({ ending: kind }, "Leaving.");
    if (kind === "drain") {
      this.state = "draining";
      // Told to stop in the middle of it, the drain is over: nothing it could still say counts.
      await Promise.race([loop.drain(this.grace.signal), untilAborted(this.exiting.signal)]);
    }
    const isStopped = this.ending?.kind !== "drain";
    if (isStopped) {
      this.state = "stopping";
      await loop.stop();
    } else {
      const saveMs = this.isSignaled ? SIGNAL_SAVE_MS : DRAIN_SAVE_MS;
      const reason = this.isSignaled ? "signal" : "drain";
      const signal = AbortSignal.any([this.exiting.signal, AbortSignal.timeout(saveMs)]);
      await saveChangedWorkspaces({ conversations, checkpointer, reason, signal, logger });
    }
    await Promise.allSettled(conversations.all().map((conversation) => conversation.stopRuntime()));
    if (isStopped) return;
    try {
      const giveUpAtMs = monotonicMs() + FAREWELL_MS;
      await session.mutate("workerDrained", (credentials) => credentials, { giveUpAtMs, timeoutMs: FAREWELL_MS });
      logger.info("Drained.");
    } catch (error) {
      // The backend finds out by itself, only later.
      logger.warn({ reason: errorMessage(error) }, "Could not say goodbye.");
    }
  }

  /** The first reason to leave stands; only being told to stop, or being refused, overrules a drain. */
  private end({ kind, exitCode }: Ending): void {
    const before = this.ending;
    // A defect stays one, however the rest goes.
    const worst = Math.max(exitCode, before?.exitCode ?? EXIT_DONE);
    if (before !== null && (before.kind !== "drain" || kind === "drain")) {
      before.exitCode = worst;
      return;
    }
    this.ending = { kind, exitCode: worst };
    if (kind !== "drain") this.exiting.abort();
    if (this.state === "enrolling") this.leaving.abort();
    this.announceEnding(this.ending);
  }

  /** A call was refused. Whether that is the end is asked once more, of the function that answers whoever is known. */
  private async checkRejection(session: WorkerSession, identity: Identity): Promise<void> {
    if (this.isCheckingRejection || this.leaving.signal.aborted) return;
    this.isCheckingRejection = true;
    // While the token changes, the old one may be refused before the new one is in use.
    await identity.settled();
    const { workerToken } = session.credentials;
    try {
      const { connection } = this.parts;
      const { shouldStop } = await connection.query("workerControlState", session.credentials, {
        timeoutMs: CALL_TIMEOUT_MS,
      });
      if (shouldStop) this.end({ kind: "stop", exitCode: EXIT_DONE });
    } catch (error) {
      await identity.settled();
      if (isRejection(error) && session.credentials.workerToken === workerToken) {
        const why = isAgentFactoryError(error) ? error.data.message : errorMessage(error);
        this.parts.logger.error({ why }, "The backend does not accept this worker any more.");
        this.end({ kind: "rejected", exitCode: EXIT_REJECTED });
      }
      // Anything else is an outage; the next refused call asks again.
    } finally {
      await sleep(REJECTION_CHECK_PAUSE_MS, this.leaving.signal);
      this.isCheckingRejection = false;
    }
  }
}

async function requireWritable(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await access(directory, constants.W_OK);
  } catch (error) {
    throw new ConfigError(`The data folder ${directory} cannot be written to: ${errorMessage(error)}.`);
  }
}
