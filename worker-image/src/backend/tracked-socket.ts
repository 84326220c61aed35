/** The WebSocket for the Convex client, with a handle to cut it off when it is dead and does not know it. */
import { WebSocket as NodeWebSocket } from "ws";

/** A backend that does not answer a connection attempt within this is not going to. */
const HANDSHAKE_TIMEOUT_MS = 15_000;

function isWebSocketConstructor(candidate: unknown): candidate is typeof WebSocket {
  return (
    typeof candidate === "function" &&
    typeof candidate.prototype === "object" &&
    candidate.prototype !== null &&
    "send" in candidate.prototype &&
    "close" in candidate.prototype
  );
}

/**
 * A constructor for sockets, and what terminates those that are open.
 *
 * `ws` is used on every version of Node: unlike the built-in WebSocket it can drop a connection without waiting for the
 * other side to agree, which after a suspension never happens.
 */
export function trackedSockets(): { constructor: typeof WebSocket; terminateAll: () => void } {
  const open = new Set<NodeWebSocket>();
  class TrackedSocket extends NodeWebSocket {
    constructor(url: string) {
      super(url, { handshakeTimeout: HANDSHAKE_TIMEOUT_MS });
      open.add(this);
      this.once("close", () => open.delete(this));
    }
  }
  const constructor: unknown = TrackedSocket;
  if (!isWebSocketConstructor(constructor)) throw new Error("The WebSocket library does not provide WebSockets.");
  return {
    constructor,
    terminateAll: () => {
      for (const socket of open) socket.terminate();
    },
  };
}
