/** The backend's side of the worker protocol in memory: leases, fencing, streams, snapshots. For tests of the worker. */
import { randomUUID } from "node:crypto";
import { agentFactoryError, type AgentFactoryErrorKind } from "../../../src/shared/errors.js";
import { FAILURE_KINDS, type FailureKind } from "../../../src/shared/failure.js";
import type { Attachment, ToolCall, TranscriptEntry, Usage } from "../../../src/shared/payload.js";
import type {
  Claim,
  Enrollment,
  HydrationBundle,
  Inbox,
  SnapshotForRestore,
  WorkerArgs,
  WorkerFunctionName,
  WorkerResult,
} from "../../../src/shared/worker-protocol.js";
import { EMPTY_MANIFEST_VERSION, SKILL_LAYOUT_VERSION, type SkillManifest } from "../../../src/shared/skills.js";
import type { FakeStorage } from "./fake-storage.js";

export type FakeMessage = {
  messageId: string;
  conversationId: string;
  text: string;
  attachments?: Attachment[];
  attempts: number;
  status: "queued" | "processing" | "done" | "failed";
  reply?: string;
  usage?: Usage;
  error?: string;
  errorKind?: FailureKind;
  streamed: string;
  /** When each delta of the newest attempt came, in ms. */
  deltaTimes: number[];
  /** Files that the newest attempt has handed over. */
  files: { fileName: string; mimeType: string | null; storageId: string }[];
  tools: Map<string, ToolCall["status"]>;
};
type Lease = { leaseId: string; messageId: string; conversationId: string; generation: number; workerId: string };
type Upload = { conversationId: string; generation: number; reason: string; storageId?: string; status: string };
type Completion = { leaseId: string; result: string };

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
  readonly messages: FakeMessage[] = [];
  readonly leases = new Map<string, Lease>();
  readonly pointers = new Map<string, { snapshotId: string; storageId: string; generation: number }>();
  readonly uploads = new Map<string, Upload>();
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
  isLapsed = false;
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
  private readonly completions = new Map<string, Completion>();
  private readonly generations = new Map<string, number>();
  private readonly watchers = new Set<() => void>();
  private tickets = 0;

  constructor(readonly storage: FakeStorage) {}

  enqueue(conversationId: string, text: string, attachments?: Attachment[]): FakeMessage {
    const message: FakeMessage = {
      messageId: `message-${this.messages.length + 1}`,
      conversationId,
      text,
      ...(attachments !== undefined && { attachments }),
      attempts: 0,
      status: "queued",
      streamed: "",
      deltaTimes: [],
      files: [],
      tools: new Map(),
    };
    this.messages.push(message);
    this.changed();
    return message;
  }

  /** Takes a running turn away, as a cancellation or an expiry does. */
  revoke(messageId: string, status: "queued" | "failed" = "failed"): void {
    for (const lease of this.leases.values()) {
      if (lease.messageId !== messageId) continue;
      this.leases.delete(lease.leaseId);
      this.message(messageId).status = status;
    }
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
        throw this.error("enrollment_rejected", "This enrollment credential is not valid.");
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
      const isWaiting = this.state === "run" && wantsWork && this.claimable() !== undefined;
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
      if (!this.isLapsed) return true;
      this.isLapsed = false;
      for (const { messageId } of [...this.leases.values()]) this.revoke(messageId, "queued");
      return false;
    },
    workerHydrationBundle: (args) => {
      const { message } = this.held(args);
      const { messageId, conversationId } = message;
      const contextHistory = this.transcript
        .filter((entry) => entry.conversationId === conversationId)
        .map(({ role, content, at }) => ({ role, content, at }));
      return {
        messageId,
        conversationId,
        agentKey: "agent",
        payload: this.payload(message),
        profile: { ...BLANK_PROFILE, ...this.profile },
        environment: this.environment,
        conversationState: { contextHistory, pendingToolCalls: [] },
        bridgeRuntimeConfig: null,
        skills: { releaseChannel: this.skills.releaseChannel, manifestVersion: this.skills.manifestVersion },
        snapshot: this.snapshot(conversationId),
      };
    },
    workerGlobalSkillsManifest: ({ workerToken, knownBundles = [] }) => {
      this.authenticate(workerToken);
      const withoutKnown = (skill: SkillManifest["skills"][number]) =>
        knownBundles.includes(skill.sha256) ? { ...skill, files: [] } : skill;
      return { ...this.skills, skills: this.skills.skills.map(withoutKnown) };
    },
    workerAppendTurnDelta: (args) => {
      const { message } = this.held(args);
      if (args.offset > message.streamed.length) throw this.error("output_gap", "Characters are missing.");
      message.deltaTimes.push(performance.now());
      message.streamed += args.text.slice(message.streamed.length - args.offset);
      for (const { callId, status } of args.tools ?? []) message.tools.set(callId, status);
      return { length: message.streamed.length };
    },
    workerComplete: (args) => this.complete(args),
    workerFail: (args) => {
      const { message } = this.held(args);
      this.leases.delete(args.leaseId);
      const isRetried =
        (args.retryable ?? FAILURE_KINDS[args.errorKind ?? "unknown"].retryable) && message.attempts < 5;
      message.status = isRetried ? "queued" : "failed";
      message.error = args.errorMessage;
      message.errorKind = args.errorKind ?? "unknown";
      this.changed();
      return { requeued: isRetried, deadLettered: !isRetried, nextScheduledFor: isRetried ? 0 : null };
    },
    workerRelease: (args) => {
      const { message } = this.held(args);
      this.leases.delete(args.leaseId);
      message.status = "queued";
      message.attempts--;
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
      const { message } = this.held(args);
      const { fileName, storageId, sha256, sizeBytes, mimeType = null } = args;
      const file = this.storage.files.get(storageId);
      if (file?.sha256 !== sha256 || file.bytes.length !== sizeBytes) {
        throw this.error("invalid_argument", "Size or checksum differ.");
      }
      if (message.files.some((known) => known.storageId === storageId)) return false;
      message.files.push({ fileName, mimeType, storageId });
      return true;
    },
    workerControlState: ({ workerToken }) => {
      this.authenticate(workerToken);
      return { shouldStop: this.state !== "run" };
    },
    workerPrepareSnapshotUpload: ({ workerToken, conversationId, generation, reason }) => {
      this.authenticate(workerToken);
      if (this.generations.get(conversationId) !== generation) throw this.leaseLost();
      const snapshotId = `snapshot-${this.uploads.size + 1}`;
      this.uploads.set(snapshotId, { conversationId, generation, reason, status: "uploading" });
      return { snapshotId, uploadUrl: this.storage.uploadUrl(), expiresAt: 0 };
    },
    workerFinalizeSnapshotUpload: ({ workerToken, snapshotId, storageId, sha256, sizeBytes }) => {
      this.authenticate(workerToken);
      const [upload, file] = [this.uploads.get(snapshotId), this.storage.files.get(storageId)];
      if (upload?.status === "ready" && upload.storageId === storageId) return true;
      if (upload?.status !== "uploading" || file?.sha256 !== sha256 || file.bytes.length !== sizeBytes) {
        throw this.error("snapshot_rejected", "Size or checksum differ.");
      }
      Object.assign(upload, { status: "ready", storageId });
      if (upload.reason !== "checkpoint") this.point(snapshotId, upload);
      return true;
    },
    workerFailSnapshotUpload: ({ snapshotId }) => {
      const upload = this.uploads.get(snapshotId);
      if (upload?.status !== "uploading") return false;
      upload.status = "failed";
      return true;
    },
    workerLatestSnapshotForRestore: (args) => this.snapshot(this.held(args).message.conversationId),
    workerDrained: ({ workerToken }) => {
      this.authenticate(workerToken);
      this.isDrained = true;
      return null;
    },
  };

  private claim(workerToken: string, workerId: string, knownLeaseIds?: readonly string[]): Claim | null {
    this.authenticate(workerToken);
    const forgotten = [...this.leases.values()].find(({ leaseId }) => knownLeaseIds?.includes(leaseId) === false);
    if (forgotten !== undefined && !this.isLapsed) return this.claimOf(forgotten);
    const message = this.claimable();
    if (message === undefined || this.state !== "run" || this.isLapsed) return null;
    if (this.leases.size >= this.enrollment.conversationsPerWorker) return null;
    const { conversationId, messageId } = message;
    const generation = (this.generations.get(conversationId) ?? 0) + 1;
    this.generations.set(conversationId, generation);
    const leaseId = `lease-${randomUUID()}`;
    const lease = { leaseId, messageId, conversationId, generation, workerId };
    this.leases.set(leaseId, lease);
    Object.assign(message, {
      status: "processing",
      attempts: message.attempts + 1,
      streamed: "",
      deltaTimes: [],
      files: [],
      tools: new Map(),
    });
    this.changed();
    return this.claimOf(lease);
  }

  private claimOf({ leaseId, messageId, conversationId, generation }: Lease): Claim {
    const message = this.message(messageId);
    return {
      messageId,
      conversationId,
      agentKey: "agent",
      leaseId,
      generation,
      leaseExpiresAt: 0,
      runTimeoutMs: this.runTimeoutMs,
      attempt: message.attempts,
      payload: this.payload(message),
    };
  }

  private complete(args: WorkerArgs<"workerComplete">): boolean {
    const { messageId, leaseId, reply, usage, snapshotId } = args;
    const result = JSON.stringify([reply, usage, snapshotId]);
    const completion = this.completions.get(messageId);
    if (completion?.leaseId === leaseId) {
      if (completion.result !== result) throw this.error("already_completed", "Another result stands.");
      return true;
    }
    const { message } = this.held(args);
    if (snapshotId !== undefined) {
      const upload = this.uploads.get(snapshotId);
      if (upload?.status !== "ready" || upload.generation !== args.generation) {
        throw this.error("snapshot_rejected", "It is not a finished upload of this very turn.");
      }
      this.point(snapshotId, upload);
    }
    Object.assign(message, { status: "done", reply, ...(usage && { usage }) });
    for (const [role, content] of [["user", message.text] as const, ["assistant", reply] as const]) {
      this.transcript.push({ conversationId: message.conversationId, role, content, at: 0 });
    }
    this.completions.set(messageId, { leaseId, result });
    this.leases.delete(leaseId);
    this.changed();
    return true;
  }

  private claimable(): FakeMessage | undefined {
    const isBusy = (conversationId: string) =>
      [...this.leases.values()].some((lease) => lease.conversationId === conversationId);
    return this.messages.find((message) => message.status === "queued" && !isBusy(message.conversationId));
  }

  private held(args: { workerToken: string; leaseId: string; messageId: string; generation: number }) {
    this.authenticate(args.workerToken);
    const lease = this.leases.get(args.leaseId);
    if (this.isLapsed || lease?.messageId !== args.messageId || lease.generation !== args.generation)
      throw this.leaseLost();
    return { lease, message: this.message(args.messageId) };
  }

  private message(messageId: string): FakeMessage {
    const found = this.messages.find((message) => message.messageId === messageId);
    if (found === undefined) throw new Error(`No such message: ${messageId}`);
    return found;
  }

  private point(snapshotId: string, { conversationId, generation, storageId = "" }: Upload): void {
    this.pointers.set(conversationId, { snapshotId, storageId, generation });
  }

  private snapshot(conversationId: string): SnapshotForRestore | null {
    const pointer = this.pointers.get(conversationId);
    if (pointer === undefined) return null;
    const file = this.storage.files.get(pointer.storageId);
    return {
      snapshotId: pointer.snapshotId,
      downloadUrl: this.storage.downloadUrl(pointer.storageId),
      sha256: file?.sha256 ?? "",
      sizeBytes: file?.bytes.length ?? 0,
      createdAt: 0,
    };
  }

  private payload({ text, attachments }: FakeMessage) {
    const payload = { provider: "app", providerUserId: "user", messageText: text };
    return attachments === undefined ? payload : { ...payload, attachments };
  }

  private authenticate(workerToken: string): void {
    if (!this.tokens.has(workerToken)) throw this.error("worker_rejected", "This worker is not known.");
  }

  private leaseLost() {
    return this.error("lease_lost", "This worker no longer holds the message.");
  }

  private error(kind: AgentFactoryErrorKind, message: string) {
    return agentFactoryError(kind, message);
  }
}
