/** The backend's side of the worker protocol in memory. For tests of the worker. */
import { agentFactoryError } from "../../../src/shared/errors.js";
import type { Attachment, TranscriptEntry } from "../../../src/shared/payload.js";
import { EMPTY_MANIFEST_VERSION, SKILL_LAYOUT_VERSION, type SkillManifest } from "../../../src/shared/skills.js";
import type {
  Claim,
  Enrollment,
  HydrationBundle,
  Inbox,
  WorkerArgs,
  WorkerFunctionName,
  WorkerResult,
} from "../../../src/shared/worker-protocol.js";
import { FakeQueue, leaseLost, payloadOf, type FakeMessage } from "./fake-queue.js";
import { FakeSnapshots } from "./fake-snapshots.js";
import type { FakeStorage } from "./fake-storage.js";

export type { FakeMessage } from "./fake-queue.js";

export const CREDENTIAL = "one-time-credential-0123456789";
const RUN_TIMEOUT_MS = 60_000;
const BLANK_PROFILE: HydrationBundle["profile"] = {
  version: "1",
  displayName: null,
  instructions: null,
  model: null,
  tools: null,
  hooks: { beforeTurn: [], afterTurn: [] },
};

export class FakeBackend {
  readonly transcript: (TranscriptEntry & { conversationId: string })[] = [];
  readonly tokens = new Set<string>();
  /** What is deployed; the bundle of a turn points at it. */
  skills: SkillManifest = {
    layoutVersion: SKILL_LAYOUT_VERSION,
    manifestVersion: EMPTY_MANIFEST_VERSION,
    generatedAt: 0,
    releaseChannel: "stable",
    skills: [],
  };
  state: Inbox["state"] = "run";
  isDrained = false;
  runTimeoutMs = RUN_TIMEOUT_MS;
  heartbeats = 0;
  enrollment: Enrollment = {
    poolKey: "pool",
    heartbeatIntervalMs: 200,
    conversationsPerWorker: 2,
    tokenLifetimeMs: 3_600_000,
  };
  profile: Partial<HydrationBundle["profile"]> = {};
  environment: Record<string, string> = {};
  private readonly queue = new FakeQueue();
  private readonly snapshots: FakeSnapshots;
  private readonly watchers = new Set<() => void>();
  private tickets = 0;

  constructor(readonly storage: FakeStorage) {
    this.snapshots = new FakeSnapshots(storage);
  }

  get messages(): FakeMessage[] {
    return this.queue.messages;
  }
  get leases(): FakeQueue["leases"] {
    return this.queue.leases;
  }
  get pointers(): FakeSnapshots["pointers"] {
    return this.snapshots.pointers;
  }
  get uploads(): FakeSnapshots["uploads"] {
    return this.snapshots.uploads;
  }

  /** All leases have expired, and the worker has not noticed. */
  set isLapsed(isLapsed: boolean) {
    this.queue.isLapsed = isLapsed;
  }

  enqueue(conversationId: string, text: string, attachments?: Attachment[]): FakeMessage {
    const message = this.queue.enqueue(conversationId, text, attachments);
    this.changed();
    return message;
  }

  /** Takes a running turn away, as a cancellation or an expiry does. */
  revoke(messageId: string, status: "queued" | "failed" = "failed"): void {
    this.queue.revoke(messageId, status);
    this.changed();
  }

  setState(state: Inbox["state"]): void {
    this.state = state;
    this.changed();
  }

  /** Calls `listener` after every change; returns what stops that. */
  watch(listener: () => void): () => void {
    this.watchers.add(listener);
    return () => this.watchers.delete(listener);
  }

  changed(): void {
    this.tickets++;
    for (const listener of [...this.watchers]) listener();
  }

  /** Runs one function as a transaction. */
  run<Name extends WorkerFunctionName>(name: Name, args: WorkerArgs<Name>): WorkerResult<Name> {
    const handler: (args: WorkerArgs<Name>) => WorkerResult<Name> = this.handlers[name];
    return handler(args);
  }

  private readonly handlers: { [Name in WorkerFunctionName]: (args: WorkerArgs<Name>) => WorkerResult<Name> } = {
    workerEnroll: ({ workerToken, enrollmentCredential }) => {
      const isKnown = this.tokens.has(workerToken);
      if (enrollmentCredential !== CREDENTIAL || (this.tokens.size > 0 && !isKnown)) {
        throw agentFactoryError("enrollment_rejected", "This enrollment credential is not valid.");
      }
      this.tokens.add(workerToken);
      return this.enrollment;
    },
    workerRotateToken: ({ workerToken, newWorkerToken }) => {
      this.authenticate(workerToken);
      this.tokens.clear();
      this.tokens.add(newWorkerToken);
      return { tokenLifetimeMs: this.enrollment.tokenLifetimeMs };
    },
    workerInbox: ({ workerToken, wantsWork }) => {
      this.authenticate(workerToken);
      const isWaiting = this.state === "run" && wantsWork && this.queue.claimable() !== undefined;
      return {
        state: this.state,
        work: isWaiting ? `ticket-${this.tickets}` : null,
        leaseIds: [...this.leases.keys()],
      };
    },
    workerClaim: ({ workerToken, workerId, knownLeaseIds }) => this.claim(workerToken, workerId, knownLeaseIds),
    workerHeartbeat: ({ workerToken }) => {
      this.authenticate(workerToken);
      this.heartbeats++;
      if (!this.queue.isLapsed) return true;
      this.queue.isLapsed = false;
      for (const { messageId } of [...this.leases.values()]) this.revoke(messageId, "queued");
      return false;
    },
    workerHydrationBundle: (args) => {
      const message = this.held(args);
      const { messageId, conversationId } = message;
      const contextHistory = this.transcript
        .filter((entry) => entry.conversationId === conversationId)
        .map(({ role, content, at }) => ({ role, content, at }));
      return {
        messageId,
        conversationId,
        agentKey: "agent",
        payload: payloadOf(message),
        profile: { ...BLANK_PROFILE, ...this.profile },
        environment: this.environment,
        conversationState: { contextHistory, pendingToolCalls: [] },
        bridgeRuntimeConfig: null,
        skills: { releaseChannel: this.skills.releaseChannel, manifestVersion: this.skills.manifestVersion },
        snapshot: this.snapshots.current(conversationId),
      };
    },
    workerGlobalSkillsManifest: ({ workerToken, knownBundles = [] }) => {
      this.authenticate(workerToken);
      const withoutKnown = (skill: SkillManifest["skills"][number]) =>
        knownBundles.includes(skill.sha256) ? { ...skill, files: [] } : skill;
      return { ...this.skills, skills: this.skills.skills.map(withoutKnown) };
    },
    workerAppendTurnDelta: (args) => {
      this.authenticate(args.workerToken);
      return this.queue.append(args);
    },
    workerComplete: (args) => this.complete(args),
    workerFail: (args) => {
      this.authenticate(args.workerToken);
      const outcome = this.queue.fail(args);
      this.changed();
      return outcome;
    },
    workerRelease: (args) => {
      this.authenticate(args.workerToken);
      this.queue.release(args);
      this.changed();
      return true;
    },
    workerConversationHasQueued: ({ conversationId }) =>
      this.messages.some((message) => message.conversationId === conversationId && message.status === "queued"),
    workerAppendConversationMessages: ({ messages }) => ({ updated: true, messageCount: messages.length }),
    workerGenerateMediaUploadUrl: (args) => {
      this.held(args);
      return { uploadUrl: this.storage.uploadUrl() };
    },
    workerAddReplyFile: (args) => {
      this.authenticate(args.workerToken);
      return this.queue.addFile(args, this.storage.files.get(args.storageId));
    },
    workerControlState: ({ workerToken }) => {
      this.authenticate(workerToken);
      return { shouldStop: this.state !== "run" };
    },
    workerPrepareSnapshotUpload: ({ workerToken, conversationId, generation, reason }) => {
      this.authenticate(workerToken);
      if (this.queue.generations.get(conversationId) !== generation) throw leaseLost();
      return this.snapshots.prepare({ conversationId, generation, reason });
    },
    workerFinalizeSnapshotUpload: (args) => {
      this.authenticate(args.workerToken);
      return this.snapshots.finalize(args);
    },
    workerFailSnapshotUpload: ({ snapshotId }) => this.snapshots.fail(snapshotId),
    workerLatestSnapshotForRestore: (args) => this.snapshots.current(this.held(args).conversationId),
    workerDrained: ({ workerToken }) => {
      this.authenticate(workerToken);
      this.isDrained = true;
      return null;
    },
  };

  private claim(workerToken: string, workerId: string, knownLeaseIds?: readonly string[]): Claim | null {
    this.authenticate(workerToken);
    const forgotten = this.queue.forgotten(knownLeaseIds);
    if (forgotten !== undefined) return this.queue.claimOf(forgotten, this.runTimeoutMs);
    if (this.state !== "run") return null;
    const lease = this.queue.claim(workerId, this.enrollment.conversationsPerWorker);
    if (lease === null) return null;
    this.changed();
    return this.queue.claimOf(lease, this.runTimeoutMs);
  }

  private complete(args: WorkerArgs<"workerComplete">): boolean {
    this.authenticate(args.workerToken);
    const { messageId, generation, reply, snapshotId } = args;
    const isNew = this.queue.complete(args, () => {
      if (snapshotId !== undefined) this.snapshots.commit(snapshotId, generation);
    });
    if (!isNew) return true;
    const message = this.messages.find((candidate) => candidate.messageId === messageId);
    for (const [role, content] of [["user", message?.text ?? ""] as const, ["assistant", reply] as const]) {
      this.transcript.push({ conversationId: message?.conversationId ?? "", role, content, at: 0 });
    }
    this.changed();
    return true;
  }

  /** The message of a lease that counts, to a worker that counts. */
  private held(args: { workerToken: string; leaseId: string; messageId: string; generation: number }): FakeMessage {
    this.authenticate(args.workerToken);
    return this.queue.held(args);
  }

  private authenticate(workerToken: string): void {
    if (!this.tokens.has(workerToken)) throw agentFactoryError("worker_rejected", "This worker is not known.");
  }
}
