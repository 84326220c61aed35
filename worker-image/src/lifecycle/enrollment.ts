/** Becomes a worker: trades the one-time credential for a token of its own, in a way that survives a crash at any line. */
import { rm } from "node:fs/promises";
import { ConvexError } from "convex/values";
import { isAgentFactoryError } from "../../../src/shared/errors.js";
import type { Enrollment } from "../../../src/shared/worker-protocol.js";
import type { BackendConnection } from "../backend/connection.js";
import { CALL_TIMEOUT_MS } from "../backend/session.js";
import { ConfigError, type WorkerConfig } from "../config.js";
import { readIfPresent } from "../files.js";
import { errorMessage, type Logger, type SecretFilter } from "../logger.js";
import { jitteredBackoffMs, sleep } from "../timing.js";
import { Identity } from "./identity.js";

/** The backend refuses to enroll this worker, for good. */
export class EnrollmentRejected extends Error {
  override readonly name = "EnrollmentRejected";
}

/** The worker was told to go before it had enrolled. */
export class EnrollmentAborted extends Error {
  override readonly name = "EnrollmentAborted";
}

const RETRY = { baseMs: 500, factor: 2, capMs: 30_000, jitter: 0.25 };
/** One line when it starts, then one in about five minutes: an outage must be visible, not loud. */
const LOG_EVERY_ATTEMPTS = 10;

type Dependencies = {
  config: Pick<WorkerConfig, "workerId" | "enrollmentFile" | "dataDirectory">;
  connection: BackendConnection;
  filter: SecretFilter;
  logger: Logger;
  signal: AbortSignal;
};

export type Enrolled = {
  identity: Identity;
  enrollment: Enrollment;
  /** False when a worker of another id used this data folder before: what it left is none of our business. */
  isSameWorker: boolean;
};

/**
 * @throws ConfigError without a credential and without an earlier enrollment; EnrollmentRejected; EnrollmentAborted
 */
export async function enroll(dependencies: Dependencies): Promise<Enrolled> {
  const { config, filter, logger } = dependencies;
  const found = await Identity.load(config.dataDirectory, filter);
  const isSameWorker = found === null || found.workerId === config.workerId;
  const known = isSameWorker ? found : null;
  const credential = await readCredential(config.enrollmentFile);
  if (credential !== null) filter.add(credential);

  // The provider writes the file anew at each boot of a machine, also after it has served its purpose.
  if (known?.enrollment && (credential === null || known.isFor(credential))) {
    await removeCredential(config.enrollmentFile, logger);
    return { identity: known, enrollment: known.enrollment, isSameWorker };
  }
  if (credential === null) {
    throw new ConfigError(
      `There is no enrollment credential in ${config.enrollmentFile} and this worker has not enrolled before.`,
    );
  }

  // The token is on disk before it is sent: if the answer gets lost, the next try must show the same one.
  const { workerId } = config;
  const identity = known?.isFor(credential)
    ? known
    : await Identity.create(config.dataDirectory, { workerId, credential }, filter);
  const enrollment = await requestEnrollment(dependencies, identity, credential);
  await identity.update({ enrollment, tokenSince: Date.now() });
  await removeCredential(config.enrollmentFile, logger);
  logger.info({ workerId, poolKey: enrollment.poolKey }, "Enrolled.");
  return { identity, enrollment, isSameWorker };
}

async function requestEnrollment(
  { config, connection, logger, signal }: Dependencies,
  identity: Identity,
  enrollmentCredential: string,
): Promise<Enrollment> {
  const args = { workerId: identity.workerId, workerToken: identity.token, enrollmentCredential };
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      return await connection.mutate("workerEnroll", args, { timeoutMs: CALL_TIMEOUT_MS });
    } catch (error) {
      if (error instanceof ConvexError) {
        // Without the credential a restarted process does not ask again: no supervisor can make a storm of it.
        await removeCredential(config.enrollmentFile, logger);
        const why = isAgentFactoryError(error) ? error.data.message : errorMessage(error);
        throw new EnrollmentRejected(`The backend refused to enroll worker ${config.workerId}: ${why}`);
      }
      if (attempt % LOG_EVERY_ATTEMPTS === 1) {
        logger.warn({ attempt, reason: errorMessage(error) }, "Cannot enroll yet; trying again.");
      }
      await sleep(jitteredBackoffMs(RETRY, attempt), signal);
    }
  }
  throw new EnrollmentAborted("Told to go before it had enrolled.");
}

async function readCredential(file: string): Promise<string | null> {
  let text: string | null;
  try {
    text = await readIfPresent(file);
  } catch (error) {
    throw new ConfigError(`The enrollment credential cannot be read: ${errorMessage(error)}.`);
  }
  const credential = text?.trim() ?? "";
  return credential === "" ? null : credential;
}

async function removeCredential(file: string, logger: Logger): Promise<void> {
  try {
    await rm(file, { force: true });
  } catch (error) {
    // It is worth nothing any more; a read-only file system is no reason to stop.
    logger.warn({ reason: errorMessage(error) }, "The used enrollment credential could not be removed.");
  }
}
