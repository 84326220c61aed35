/** The visitor's session in this tab: which operator code it carries, its token, and what went wrong. */
import type { AuthTokenFetcher } from "convex/browser";
import { storedOperatorCode, storeOperatorCode, takeOperatorCodeFromAddress } from "../../lib/operator-code";
import { requestSession, type SessionGrant } from "./session-tokens";

export interface SessionState {
  /** A new function whenever the visitor must be signed in anew: its identity is what the client goes by. */
  fetchAccessToken: (args: Parameters<AuthTokenFetcher>[0]) => Promise<string | null>;
  /** A sentence for the visitor when signing in failed; `null` while it works. */
  failure: string | null;
  /** True when a code was given and the deployment did not accept it. */
  isOperatorCodeRejected: boolean;
}

export interface SessionStore {
  subscribe: (listener: () => void) => () => void;
  /** `null` before the first subscription, because only a browser has an address bar and storage to begin with. */
  getState: () => SessionState | null;
  /** `null` gives the operator's role back. */
  setOperatorCode: (code: string | null) => void;
  retry: () => void;
}

export function createSessionStore(convexUrl: string): SessionStore {
  const listeners = new Set<() => void>();
  let operatorCode: string | null = null;
  let state: SessionState | null = null;

  function change(next: SessionState): void {
    state = next;
    for (const notify of listeners) notify();
  }

  function signInAnew(): void {
    change({ fetchAccessToken: tokenFetcher(operatorCode), failure: null, isOperatorCodeRejected: false });
  }

  function tokenFetcher(code: string | null): SessionState["fetchAccessToken"] {
    let grant: SessionGrant | null = null;
    const fetchAccessToken: SessionState["fetchAccessToken"] = async ({ forceRefreshToken }) => {
      if (grant !== null && !forceRefreshToken) return grant.token;
      let failure: string | null = null;
      try {
        grant = await requestSession(convexUrl, code);
      } catch (error) {
        failure = error instanceof Error ? error.message : "Signing in failed.";
      }
      // Another code may have been entered meanwhile; then this outcome is nobody's any more.
      if (state?.fetchAccessToken === fetchAccessToken) {
        const isOperatorCodeRejected = failure === null && code !== null && grant?.isOperator === false;
        change({ fetchAccessToken, failure, isOperatorCodeRejected });
      }
      return failure === null && grant !== null ? grant.token : null;
    };
    return fetchAccessToken;
  }

  function takeCodeFromAddress(): void {
    const code = takeOperatorCodeFromAddress();
    if (code === null) return;
    operatorCode = code;
    signInAnew();
  }

  return {
    subscribe: (listener) => {
      if (listeners.size === 0) window.addEventListener("hashchange", takeCodeFromAddress);
      listeners.add(listener);
      if (state === null) {
        operatorCode = takeOperatorCodeFromAddress() ?? storedOperatorCode();
        signInAnew();
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) window.removeEventListener("hashchange", takeCodeFromAddress);
      };
    },
    getState: () => state,
    setOperatorCode: (code) => {
      storeOperatorCode(code);
      operatorCode = code;
      signInAnew();
    },
    retry: signInAnew,
  };
}
