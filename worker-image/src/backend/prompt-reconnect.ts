/** Lets the Convex client connect at once when its socket was cut on purpose, instead of waiting as for a server that is down. */
import type { ConvexClient } from "convex/browser";

/** A machine that has just been resumed may be without a network for a moment. After these, the client's own backoff is right. */
const PAUSES_MS: readonly number[] = [0, 50, 100, 200, 400, 800];

/** What the client does when a browser says that it is online again. */
type Reconnecting = { socketState(): string; tryReconnectImmediately(): void };

export class PromptReconnect {
  private readonly sockets: Reconnecting | null;
  private pauses: number[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(client: ConvexClient) {
    // Not part of what the client declares: one that does not have it reconnects a second or so later, and that is all.
    const manager: unknown = Reflect.get(client.client, "webSocketManager");
    this.sockets = isReconnecting(manager) ? manager : null;
  }

  /** The socket is being cut: connect at once when it is gone, or now if it is gone already. */
  begin(): void {
    this.pauses = [...PAUSES_MS];
    this.onStateChange();
  }

  /** To be called whenever the client says that the state of its connection has changed. */
  onStateChange(): void {
    const { sockets } = this;
    if (sockets === null || this.timer !== null || sockets.socketState() !== "disconnected") return;
    const pauseMs = this.pauses.shift();
    if (pauseMs === undefined) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      sockets.tryReconnectImmediately();
    }, pauseMs);
    this.timer.unref();
  }

  /** It is connected, or closed for good. */
  end(): void {
    this.pauses = [];
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

function isReconnecting(candidate: unknown): candidate is Reconnecting {
  const has = (name: keyof Reconnecting) =>
    typeof candidate === "object" && candidate !== null && typeof Reflect.get(candidate, name) === "function";
  return has("socketState") && has("tryReconnectImmediately");
}
