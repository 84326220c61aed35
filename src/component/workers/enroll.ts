/** Trades a one-time credential for a token of the worker's own making, and renews that token. */
import { agentFactoryError } from "../../shared/errors.js";
import type { Enrollment } from "../../shared/worker-protocol.js";
import type { Doc } from "../_generated/dataModel.js";
import { equalDigests, sha256Hex } from "../digest.js";
import type { MutationCtx } from "../functions.js";
import { addHolder } from "../queue/liveness.js";
import { findWorker, requireWorker, type WorkerCredentials } from "./authenticate.js";
import { transition } from "./lifecycle.js";

/** A day: a stolen token dies soon, and a worker that cannot reach us for half of it has lost its leases long before. */
const TOKEN_LIFETIME_MS = 24 * 60 * 60_000;
/** 32 bytes in base64url, without padding. */
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{43}$/;
/** Three heartbeats fit into a lease: two may be lost. */
const HEARTBEATS_PER_LEASE = 3;

/**
 * Enrolls once. Repeating the call with the same token gets the same answer, so a lost reply or a crash right after it
 * costs nothing; another token is refused, so a stolen credential is worth nothing after its first use.
 *
 * @throws `enrollment_rejected`, `invalid_argument`
 */
export async function enroll(
  ctx: MutationCtx,
  { workerId, workerToken, enrollmentCredential }: WorkerCredentials & { enrollmentCredential: string },
): Promise<Enrollment> {
  requireTokenShape(workerToken);
  const worker = await findWorker(ctx, workerId);
  if (worker === null || !equalDigests(worker.credentialHash, await sha256Hex(enrollmentCredential))) {
    throw enrollmentRejected();
  }
  const tokenHash = await sha256Hex(workerToken);
  if (worker.tokenHash !== undefined) {
    if (worker.status === "active" && equalDigests(worker.tokenHash, tokenHash)) return enrollmentOf(worker);
    throw enrollmentRejected();
  }
  const now = Date.now();
  if (now >= worker.credentialExpiresAt) throw enrollmentRejected();
  if (!(await transition(ctx, worker, "enrolled", "Its machine is up and has enrolled."))) throw enrollmentRejected();
  await ctx.db.patch("workers", worker._id, {
    tokenHash,
    tokenExpiresAt: now + TOKEN_LIFETIME_MS,
    lastActiveAt: now,
  });
  await addHolder(ctx, worker);
  return enrollmentOf(worker);
}

/** Replaces the token; the old one is worth nothing from this call on. @throws `worker_rejected`, `invalid_argument` */
export async function rotateToken(
  ctx: MutationCtx,
  { newWorkerToken, ...credentials }: WorkerCredentials & { newWorkerToken: string },
): Promise<{ tokenLifetimeMs: number }> {
  requireTokenShape(newWorkerToken);
  const worker = await requireWorker(ctx, credentials);
  await ctx.db.patch("workers", worker._id, {
    tokenHash: await sha256Hex(newWorkerToken),
    tokenExpiresAt: Date.now() + TOKEN_LIFETIME_MS,
  });
  return { tokenLifetimeMs: TOKEN_LIFETIME_MS };
}

function enrollmentOf(worker: Doc<"workers">): Enrollment {
  return {
    poolKey: worker.poolKey,
    heartbeatIntervalMs: Math.floor(worker.leaseDurationMs / HEARTBEATS_PER_LEASE),
    conversationsPerWorker: worker.capacity,
    tokenLifetimeMs: TOKEN_LIFETIME_MS,
  };
}

function requireTokenShape(token: string): void {
  if (TOKEN_PATTERN.test(token)) return;
  throw agentFactoryError("invalid_argument", "A worker token is 32 random bytes in base64url without padding.", {
    argument: "workerToken",
  });
}

function enrollmentRejected() {
  return agentFactoryError(
    "enrollment_rejected",
    "This enrollment credential is not valid: unknown, used, expired or replaced. Exit; the pool starts a new machine.",
  );
}
