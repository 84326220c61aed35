"use client";
/**
 * Signs the visitor in and connects the pages with the deployment.
 *
 * This is the browser's half of `convex/session.ts`; an app with its own sign-in uses its provider's component here.
 */
import { ConvexProviderWithAuth, ConvexReactClient } from "convex/react";
import { createContext, useCallback, useContext, useMemo, useState, useSyncExternalStore, type ReactNode } from "react";
import { createSessionStore, type SessionState, type SessionStore } from "./session-store";

export type Session = Pick<SessionState, "failure" | "isOperatorCodeRejected"> &
  Pick<SessionStore, "setOperatorCode" | "retry">;

const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("useSession is used outside of SessionProvider");
  return session;
}

export function SessionProvider({ convexUrl, children }: { convexUrl: string; children: ReactNode }) {
  const [client] = useState(() => new ConvexReactClient(convexUrl, { initialAuthTokenReuse: true }));
  const [store] = useState(() => createSessionStore(convexUrl));
  const state = useSyncExternalStore(store.subscribe, store.getState, () => null);

  const fetchAccessToken = state?.fetchAccessToken ?? null;
  const useAuth = useCallback(
    () => ({
      isLoading: fetchAccessToken === null,
      isAuthenticated: fetchAccessToken !== null,
      fetchAccessToken: fetchAccessToken ?? noToken,
    }),
    [fetchAccessToken],
  );

  const failure = state?.failure ?? null;
  const isOperatorCodeRejected = state?.isOperatorCodeRejected ?? false;
  const session = useMemo<Session>(
    () => ({ failure, isOperatorCodeRejected, setOperatorCode: store.setOperatorCode, retry: store.retry }),
    [failure, isOperatorCodeRejected, store],
  );

  return (
    <SessionContext value={session}>
      <ConvexProviderWithAuth client={client} useAuth={useAuth}>
        {children}
      </ConvexProviderWithAuth>
    </SessionContext>
  );
}

async function noToken(): Promise<null> {
  return null;
}
