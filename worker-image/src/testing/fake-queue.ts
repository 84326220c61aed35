/** Messages, leases and their generations in memory, as the backend fences them. For tests of the worker. */
import { randomUUID } from "node:crypto";
import { agentFactoryError } from "../../../src/shared/errors.js";
import { FAILURE_KINDS, type FailureKind } from "../../../src/shared/failure.js";
import type { Attachment, ToolCall, Usage } from "../../../src/shared/payload.js";
import type { Claim, WorkerArgs, WorkerResult } from "../../../src/shared/worker-protocol.js";
import type { StoredFile } from "./fake-storage.js";

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
export type FakeLease = {
  leaseId: string;
  messageId: string;
  conversationId: string;
  generation: number;
  workerId: string;
};

const MAX_ATTEMPTS = 5;

export const leaseLost = () => agentFactoryError("lease_lost", "This worker no longer holds the message.");

export class FakeQueue {
  readonly messages: FakeMessage[] = [];
  readonly leases = new Map<string, FakeLease>();
  /** Of each conversation's newest lease. */
  readonly generations = new Map<string, number>();
  /** The worker's leases have expired, and it has not noticed. */
  isLapsed = false;
  private readonly completions = new Map<string, { leaseId: string; result: string }>();

  enqueue(conversationId: string, text: string, attachments?: Attachment[]): FakeMessage {
    const message: FakeMessage = {
      messageId: `message-${this.messages.length + 1}`,
      conversationId,
      text,
      ...(attachments !== undefined && { attachments }),
      attempts: 0,
      status: "queued",
      ...blankAttempt(),
    };
    this.messages.push(message);
    return message;
  }

  /** Takes a running turn away. */
  revoke(messageId: string, status: "queued" | "failed"): void {
    for (const lease of this.leases.values()) {
      if (lease.messageId !== messageId) continue;
      this.leases.delete(lease.leaseId);
      this.message(messageId).status = status;
    }
  }

  /** Claims what waits, unless `capacity` leases run; `null` when there is nothing. */
  claim(workerId: string, capacity: number): FakeLease | null {
    const message = this.claimable();
    if (message === undefined || this.isLapsed || this.leases.size >= capacity) return null;
    const { conversationId, messageId } = message;
    const generation = (this.generations.get(conversationId) ?? 0) + 1;
    this.generations.set(conversationId, generation);
    const lease = { leaseId: `lease-${randomUUID()}`, messageId, conversationId, generation, workerId };
    this.leases.set(lease.leaseId, lease);
    Object.assign(message, { status: "processing", attempts: message.attempts + 1, ...blankAttempt() });
    return lease;
  }

  /** A lease that whoever asks does not know of. */
  forgotten(knownLeaseIds: readonly string[] | undefined): FakeLease | undefined {
    if (this.isLapsed) return undefined;
    return [...this.leases.values()].find(({ leaseId }) => knownLeaseIds?.includes(leaseId) === false);
  }

  claimOf({ leaseId, messageId, conversationId, generation }: FakeLease, runTimeoutMs: number): Claim {
    const message = this.message(messageId);
    return {
      messageId,
      conversationId,
      agentKey: "agent",
      leaseId,
      generation,
      leaseExpiresAt: 0,
      runTimeoutMs,
      attempt: message.attempts,
      payload: payloadOf(message),
    };
  }

  /** The message of a lease that counts. @throws `lease_lost` */
  held(args: { leaseId: string; messageId: string; generation: number }): FakeMessage {
    const lease = this.leases.get(args.leaseId);
    if (this.isLapsed || lease?.messageId !== args.messageId || lease.generation !== args.generation) throw leaseLost();
    return this.message(args.messageId);
  }

  /**
   * Ends a turn with its result, once; `false` when it has ended with the same result before.
   *
   * @param check the rest of the transaction, which may still refuse
   */
  complete(args: WorkerArgs<"workerComplete">, check: () => void): boolean {
    const { messageId, leaseId, reply, usage, snapshotId } = args;
    const result = JSON.stringify([reply, usage, snapshotId]);
    const completion = this.completions.get(messageId);
    if (completion?.leaseId === leaseId) {
      if (completion.result !== result) throw agentFactoryError("already_completed", "Another result stands.");
      return false;
    }
    const message = this.held(args);
    check();
    Object.assign(message, { status: "done", reply, ...(usage && { usage }) });
    this.completions.set(messageId, { leaseId, result });
    this.leases.delete(leaseId);
    return true;
  }

  append(args: WorkerArgs<"workerAppendTurnDelta">): { length: number } {
    const message = this.held(args);
    const { offset, text, tools = [] } = args;
    if (offset > message.streamed.length) throw agentFactoryError("output_gap", "Characters are missing.");
    message.deltaTimes.push(performance.now());
    message.streamed += text.slice(message.streamed.length - offset);
    for (const { callId, status } of tools) message.tools.set(callId, status);
    return { length: message.streamed.length };
  }

  addFile(args: WorkerArgs<"workerAddReplyFile">, stored: StoredFile | undefined): boolean {
    const { files } = this.held(args);
    const { fileName, storageId, sha256, sizeBytes, mimeType = null } = args;
    if (stored?.sha256 !== sha256 || stored.bytes.length !== sizeBytes) {
      throw agentFactoryError("invalid_argument", "Size or checksum differ.");
    }
    if (files.some((known) => known.storageId === storageId)) return false;
    files.push({ fileName, mimeType, storageId });
    return true;
  }

  fail(args: WorkerArgs<"workerFail">): WorkerResult<"workerFail"> {
    const message = this.held(args);
    this.leases.delete(args.leaseId);
    const { errorKind = "unknown", errorMessage, retryable = FAILURE_KINDS[errorKind].retryable } = args;
    const isRetried = retryable && message.attempts < MAX_ATTEMPTS;
    Object.assign(message, { status: isRetried ? "queued" : "failed", error: errorMessage, errorKind });
    return { requeued: isRetried, deadLettered: !isRetried, nextScheduledFor: isRetried ? 0 : null };
  }

  release(args: WorkerArgs<"workerRelease">): void {
    const message = this.held(args);
    this.leases.delete(args.leaseId);
    message.status = "queued";
    message.attempts--;
  }

  claimable(): FakeMessage | undefined {
    const isBusy = (conversationId: string) =>
      [...this.leases.values()].some((lease) => lease.conversationId === conversationId);
    return this.messages.find((message) => message.status === "queued" && !isBusy(message.conversationId));
  }

  private message(messageId: string): FakeMessage {
    const found = this.messages.find((message) => message.messageId === messageId);
    if (found === undefined) throw new Error(`No such message: ${messageId}`);
    return found;
  }
}

export function payloadOf({ text, attachments }: FakeMessage) {
  const payload = { provider: "app", providerUserId: "user", messageText: text };
  return attachments === undefined ? payload : { ...payload, attachments };
}

const blankAttempt = (): Pick<FakeMessage, "streamed" | "deltaTimes" | "files" | "tools"> => ({
  streamed: "",
  deltaTimes: [],
  files: [],
  tools: new Map(),
});
