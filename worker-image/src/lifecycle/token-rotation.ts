/** Replaces the worker's token at half of its life, so that a stolen one dies soon and no outage outlives it easily. */
import { isRejection, CALL_TIMEOUT_MS } from "../backend/session.js";
import type { BackendConnection } from "../backend/connection.js";
import { errorMessage, type Logger } from "../logger.js";
import { jitteredBackoffMs, sleep } from "../timing.js";
import { newToken, type Identity } from "./identity.js";

const RETRY = { baseMs: 1_000, factor: 2, capMs: 60_000, jitter: 0.25 };

export class TokenRotation {
  constructor(
    private readonly connection: BackendConnection,
    private readonly identity: Identity,
    private readonly logger: Logger,
    private readonly on: { rotated: () => void; rejected: () => void },
  ) {}

  /** Rotates whenever half of the token's life is over, until `signal` is aborted. */
  async run(tokenLifetimeMs: number, signal: AbortSignal): Promise<void> {
    let lifetimeMs = tokenLifetimeMs;
    while (!signal.aborted) {
      const ageMs = Date.now() - this.identity.tokenSince;
      const restMs = lifetimeMs / 2 - ageMs;
      // A rotation that a crash interrupted comes first, because until then nobody knows which token is valid; and a
      // clock that was set back says nothing about a token's age.
      const isDue = this.identity.nextToken !== null || restMs <= 0 || ageMs < 0;
      // In steps, because the system's clock may jump while this waits: a machine can be suspended for days.
      if (!isDue) await sleep(Math.min(restMs, 60_000), signal);
      else lifetimeMs = (await this.rotate(signal)) ?? lifetimeMs;
    }
  }

  /** Rotates once, repeating until it is known which token is valid. Returns the new token's lifetime in ms. */
  async rotate(signal: AbortSignal): Promise<number | null> {
    const result = await this.identity.changeToken(() => this.tryUntilKnown(signal));
    if (result !== "rejected") return result;
    this.on.rejected();
    await sleep(RETRY.capMs, signal);
    return null;
  }

  private async tryUntilKnown(signal: AbortSignal): Promise<number | "rejected" | null> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        return await this.tryOnce();
      } catch (error) {
        if (isRejection(error)) return "rejected";
        this.logger.warn({ reason: errorMessage(error) }, "The token could not be renewed yet; trying again.");
        await sleep(jitteredBackoffMs(RETRY, attempt), signal);
      }
    }
    return null;
  }

  private async tryOnce(): Promise<number> {
    const { workerId, token } = this.identity;
    const newWorkerToken = this.identity.nextToken ?? newToken();
    // On disk before it is sent: after a crash the new token may already be the only valid one.
    if (this.identity.nextToken === null) await this.identity.update({ nextToken: newWorkerToken });
    const rotateWith = async (workerToken: string) =>
      await this.connection.mutate(
        "workerRotateToken",
        { workerId, workerToken, newWorkerToken },
        { timeoutMs: CALL_TIMEOUT_MS },
      );
    let answer: { tokenLifetimeMs: number };
    try {
      answer = await rotateWith(token);
    } catch (error) {
      if (!isRejection(error)) throw error;
      // An earlier try may have taken effect with its answer lost: then the new token is the one that counts.
      answer = await rotateWith(newWorkerToken);
    }
    await this.identity.adoptNextToken().catch((error: unknown) => {
      this.logger.warn({ reason: errorMessage(error) }, "The new token is in use but could not be saved.");
    });
    this.logger.info("The token was renewed.");
    this.on.rotated();
    return answer.tokenLifetimeMs;
  }
}
