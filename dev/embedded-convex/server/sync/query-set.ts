/** The queries that one socket watches, and what it was last sent of each. */
import type { Caller } from "../auth/caller.js";
import type { LiveQueries } from "./live-queries.js";
import type { LiveQuery } from "./live-query.js";
import { ProtocolError, type AddQuery, type QuerySetModification } from "./messages.js";

/** A page watches tens of queries; a thousand of them cost every commit a thousand checks. */
const MAX_QUERIES = 10_000;

interface Subscription {
  query: AddQuery;
  live: LiveQuery;
  unwatch: () => void;
  /** {@link QueryOutcome.fields} of what the client holds; null while it holds nothing. */
  sent: string | null;
}

/** A possible transition: nothing is sent or changed by making one. */
export interface Snapshot {
  /** Every result reflects all commits up to this one. */
  ts: bigint;
  /** The newest commit that any result reflects. Equal to `ts` unless writes outran the queries. */
  newestTs: bigint;
  changes: { queryId: number; fields: string }[];
}

export class QuerySet {
  readonly #subscriptions = new Map<number, Subscription>();

  constructor(
    private readonly liveQueries: LiveQueries,
    private readonly onStale: () => void,
  ) {}

  /**
   * Adds and removes.
   * @returns the ids that were removed.
   * @throws ProtocolError for an id that is in use, or in none.
   */
  modify(modifications: QuerySetModification[], caller: Caller): number[] {
    const removed: number[] = [];
    for (const modification of modifications) {
      const { queryId } = modification;
      const subscription = this.#subscriptions.get(queryId);
      if (modification.type === "Add") {
        if (subscription !== undefined) throw new ProtocolError(`Query ${queryId} is in the query set already.`);
        if (this.#subscriptions.size >= MAX_QUERIES)
          throw new ProtocolError(`One client can watch at most ${MAX_QUERIES} queries.`);
        this.#subscriptions.set(queryId, this.#watch(modification, caller, null));
      } else {
        if (subscription === undefined) throw new ProtocolError(`Query ${queryId} is not in the query set.`);
        subscription.unwatch();
        this.#subscriptions.delete(queryId);
        removed.push(queryId);
      }
    }
    return removed;
  }

  /** Watches the same queries as somebody else. What the client holds stays until the new results replace it, so that nothing flickers. */
  changeCaller(caller: Caller): void {
    for (const [queryId, { query, live, unwatch, sent }] of this.#subscriptions) {
      // Watching before letting go keeps a query alive that is the same for both.
      this.#subscriptions.set(queryId, this.#watch({ ...query, journal: live.journal }, caller, sent));
      unwatch();
    }
  }

  /** Waits until every query reflects all commits up to `ts`. */
  async settle(ts: bigint): Promise<void> {
    await Promise.all([...this.#subscriptions.values()].map(async ({ live }) => await live.settle(ts)));
  }

  /** What differs now from what the client holds. @param ts What was settled, the time of a set without queries. */
  snapshot(ts: bigint): Snapshot {
    const snapshot: Snapshot = {
      ts: this.#subscriptions.size === 0 ? ts : this.liveQueries.latestTs,
      newestTs: ts,
      changes: [],
    };
    for (const [queryId, { live, sent }] of this.#subscriptions) {
      const current = live.current;
      if (current === null) throw new Error("A snapshot was made of a query without a result.");
      const { outcome, validThrough } = current;
      if (validThrough < snapshot.ts) snapshot.ts = validThrough;
      if (outcome.ts > snapshot.newestTs) snapshot.newestTs = outcome.ts;
      if (outcome.fields !== sent) snapshot.changes.push({ queryId, fields: outcome.fields });
    }
    return snapshot;
  }

  /** Notes that a snapshot's changes are on their way to the client. */
  markSent({ changes }: Snapshot): void {
    for (const { queryId, fields } of changes) {
      const subscription = this.#subscriptions.get(queryId);
      if (subscription !== undefined) subscription.sent = fields;
    }
  }

  close(): void {
    for (const { unwatch } of this.#subscriptions.values()) unwatch();
    this.#subscriptions.clear();
  }

  #watch(query: AddQuery, caller: Caller, sent: string | null): Subscription {
    const { udfPath: path, componentPath, args, journal } = query;
    const { query: live, unwatch } = this.liveQueries.watch(
      { path, componentPath, args, journal, caller },
      this.onStale,
    );
    return { query, live, unwatch, sent };
  }
}
