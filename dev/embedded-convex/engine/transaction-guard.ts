/**
 * Keeps transactions apart: they run one after another, in the order in which they asked, and what outlives its
 * transaction (a promise that nobody awaited, a function that timed out) cannot reach into the next one.
 */
import type { AsyncLocalStorage } from "node:async_hooks";
import type { ConvexTestInternals } from "./convex-test-types.js";

export class TransactionGuard {
  /** Stands for the transaction that is open; there is one at a time. */
  private current: object | null = null;
  /** convex-test gives every function that runs in a transaction a lock object, which all that it awaits can see. */
  private readonly transactionOf = new WeakMap<object, object>();
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly lockStorage: AsyncLocalStorage<unknown>) {}

  /** Notes that the code that runs now belongs to the open transaction. */
  enter(): void {
    const lock = this.lockStorage.getStore();
    if (this.current !== null && typeof lock === "object" && lock !== null) this.transactionOf.set(lock, this.current);
  }

  /** Whether the code that runs now belongs to a transaction that has ended. */
  hasEnded(): boolean {
    const lock = this.lockStorage.getStore();
    if (typeof lock !== "object" || lock === null) return false;
    const own = this.transactionOf.get(lock);
    return own !== undefined && own !== this.current;
  }

  /** @throws if the code that runs now belongs to a transaction that has ended. */
  check(): void {
    if (this.hasEnded()) {
      throw new Error("This function has ended: await every promise before returning from a query or mutation.");
    }
  }

  install({ global }: ConvexTestInternals): void {
    const manager = global.transactionManager;
    const begin = manager.begin.bind(manager);
    const commit = manager.commit.bind(manager);
    const rollback = manager.rollback.bind(manager);
    /** Writes of nested calls that have not returned; their function has, so they are nobody's. */
    const dropUnfinished = (): void => {
      for (const { db } of Object.values(global.components)) db._writes.length = Math.min(db._writes.length, 1);
    };
    manager.begin = async (isNested, transactionLimits) => {
      if (isNested) this.check();
      else await this.acquire();
      await begin(isNested, transactionLimits);
    };
    manager.commit = (isNested) => {
      if (isNested) this.check();
      else dropUnfinished();
      const ts = commit(isNested);
      if (!isNested) this.release();
      return ts;
    };
    const restoreWrites = manager.restoreWrites.bind(manager);
    manager.restoreWrites = (stashed) => {
      // A query of the committed state, after which the function's own writes come back: unless it has none any more.
      if (!this.hasEnded()) restoreWrites(stashed);
    };
    manager.rollback = (isNested) => {
      if (isNested && this.hasEnded()) return;
      if (!isNested) dropUnfinished();
      try {
        rollback(isNested);
      } finally {
        if (!isNested) this.release();
      }
    };
  }

  /** convex-test wakes everybody who waits whenever a transaction ends; here, only the next one is. */
  private async acquire(): Promise<void> {
    const own = {};
    if (this.current !== null) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    }
    this.current = own;
  }

  private release(): void {
    const next = this.waiting.shift();
    // Never free in between when somebody waits, so that a newcomer cannot slip in.
    this.current = next === undefined ? null : {};
    next?.();
  }
}
