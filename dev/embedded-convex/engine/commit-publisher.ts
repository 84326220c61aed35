/** Tells listeners about commits, in the order in which they were made. */
import type { Commit } from "./types.js";

export class CommitPublisher {
  private readonly listeners = new Set<(commit: Commit) => void>();

  constructor(
    private readonly inCleanContext: (run: () => void) => void,
    private readonly log: (line: string) => void,
  ) {}

  /** @returns what ends the subscription. */
  subscribe(listener: (commit: Commit) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** A listener's error is not the committing function's: that one has succeeded. */
  publish(commit: Commit): void {
    for (const listener of this.listeners) {
      try {
        this.inCleanContext(() => listener(commit));
      } catch (error) {
        this.log(`[CONVEX] A listener failed after a commit: ${String(error)}`);
      }
    }
  }

  close(): void {
    this.listeners.clear();
  }
}
