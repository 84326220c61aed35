/** Fetches session tokens from the deployment, patiently: a page that loads while the network blinks still signs in. */
import { ConvexHttpClient } from "convex/browser";
import { ConvexError } from "convex/values";
import { api } from "../../convex/_generated/api";
import { describeError } from "../../lib/describe-error";
import { sessionSecret } from "../../lib/session-secret";

export interface SessionGrant {
  token: string;
  isOperator: boolean;
}

/** Eight tries, from half a second doubling to at most 15 s: about a minute, then the page asks its visitor. */
const MAX_ATTEMPTS = 8;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 15_000;
const ATTEMPT_TIMEOUT_MS = 10_000;

/**
 * A token for this browser's user, with the operator's role if the code is right.
 *
 * Over HTTP, because the client's own connection waits for the token.
 *
 * @throws Error with a sentence for the visitor: at once if the deployment refuses, after the last try otherwise.
 */
export async function requestSession(convexUrl: string, operatorCode: string | null): Promise<SessionGrant> {
  const client = new ConvexHttpClient(convexUrl, { logger: false });
  const request = { sessionSecret: sessionSecret(), ...(operatorCode === null ? {} : { operatorCode }) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { token, isOperator } = await withTimeout(client.action(api.session.startSession, request));
      return { token, isOperator };
    } catch (error) {
      if (error instanceof ConvexError) throw new Error(describeError(error), { cause: error });
      if (attempt === MAX_ATTEMPTS) {
        throw new Error("The deployment does not answer. Check that it is running and reachable from this browser.", {
          cause: error,
        });
      }
    }
    await waitBeforeAttempt(attempt);
  }
}

/** Full jitter, so that many tabs that lost the same server do not return at the same moment. */
async function waitBeforeAttempt(attempt: number): Promise<void> {
  const longest = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  await new Promise((resolve) => setTimeout(resolve, longest * (0.5 + Math.random() / 2)));
}

async function withTimeout<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("The deployment took too long to answer.")), ATTEMPT_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
