"use client";
/** Whether what the page shows is live, settled so that a blink of the network does not blink on the page. */
import { useConvexConnectionState } from "convex/react";
import { useEffect, useState, useSyncExternalStore } from "react";

/** Reconnecting usually takes less than this; only a longer loss is worth a word. */
const SETTLE_MS = 1_500;

export type Connection = "connecting" | "live" | "lost" | "offline";

/** `offline`: the browser has no network. `lost`: it has, but the deployment does not answer. */
export function useConnection(): { connection: Connection; unsentMessages: number } {
  const { isWebSocketConnected, hasEverConnected, connectionRetries, inflightMutations } = useConvexConnectionState();
  const isOnline = useSyncExternalStore(
    subscribeToNetwork,
    () => navigator.onLine,
    () => true,
  );
  const isInterrupted = !isWebSocketConnected && (hasEverConnected || connectionRetries > 0);
  const [isSettled, setSettled] = useState(false);
  useEffect(() => {
    if (!isInterrupted) return;
    const timer = setTimeout(() => setSettled(true), SETTLE_MS);
    return () => {
      clearTimeout(timer);
      setSettled(false);
    };
  }, [isInterrupted]);
  return { connection: describe(), unsentMessages: inflightMutations };

  function describe(): Connection {
    if (isWebSocketConnected) return "live";
    if (!isOnline) return "offline";
    if (isInterrupted && isSettled) return "lost";
    return hasEverConnected ? "live" : "connecting";
  }
}

function subscribeToNetwork(listener: () => void): () => void {
  window.addEventListener("online", listener);
  window.addEventListener("offline", listener);
  return () => {
    window.removeEventListener("online", listener);
    window.removeEventListener("offline", listener);
  };
}
