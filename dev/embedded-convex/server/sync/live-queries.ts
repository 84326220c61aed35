/** All queries that any socket watches, shared by those who would see the same: one run per change, however many watch. */
import type { JSONValue } from "convex/values";
import type { Commit, Engine } from "../../engine/types.js";
import { callerKey, type Caller } from "../auth/caller.js";
import { canonicalPath } from "../functions/function-path.js";
import type { FunctionRunner } from "../functions/function-runner.js";
import { LiveQuery } from "./live-query.js";

export interface WatchedQuery {
  path: string;
  componentPath: string;
  args: JSONValue;
  caller: Caller;
  /** The journal that the client brings from an earlier connection. */
  journal: string | null;
}

/**
 * How many queries run at once for subscriptions. The engine runs one transaction at a time anyway; what waits here
 * does not stand in its queue before the mutations that users wait for.
 */
const MAX_CONCURRENT_RUNS = 4;

export class LiveQueries {
  /** By everything that decides a result except the journal. */
  readonly #queries = new Map<string, Set<LiveQuery>>();
  readonly #waiting: (() => void)[] = [];
  readonly #unsubscribe: () => void;
  #runs = 0;

  constructor(
    private readonly engine: Pick<Engine, "latestTs" | "onCommit">,
    private readonly runner: Pick<FunctionRunner, "run" | "isAffected">,
  ) {
    this.#unsubscribe = engine.onCommit((commit) => this.#onCommit(commit));
  }

  /** The newest commit. Every one up to it has been announced: the engine tells both in one step. */
  get latestTs(): bigint {
    return this.engine.latestTs();
  }

  /**
   * Finds or makes the live query for these watchers.
   * @param onStale Is called each time its result goes out of date.
   */
  watch(watched: WatchedQuery, onStale: () => void): { query: LiveQuery; unwatch: () => void } {
    const { path, componentPath, args, caller } = watched;
    const key = JSON.stringify([componentPath, canonicalPath(path), canonicalJson(args), callerKey(caller)]);
    const candidates = this.#queries.get(key) ?? new Set();
    this.#queries.set(key, candidates);
    // A page that was pinned to its end for one client would be wrong for another that starts afresh.
    let query = [...candidates].find((candidate) => candidate.journal === watched.journal);
    if (query === undefined) {
      query = this.#make(watched);
      candidates.add(query);
    }
    const found = query;
    const stop = found.watch(onStale);
    const unwatch = () => {
      stop();
      if (found.isWatched) return;
      candidates.delete(found);
      if (candidates.size === 0 && this.#queries.get(key) === candidates) this.#queries.delete(key);
    };
    return { query: found, unwatch };
  }

  /** How many different queries are watched. */
  get size(): number {
    let size = 0;
    for (const queries of this.#queries.values()) size += queries.size;
    return size;
  }

  /** Runs every watched query again: something changed that no commit tells, such as an environment variable. */
  invalidateAll(): void {
    for (const query of this.#all()) query.invalidate();
  }

  close(): void {
    this.#unsubscribe();
  }

  #all(): LiveQuery[] {
    return [...this.#queries.values()].flatMap((queries) => [...queries]);
  }

  #onCommit(commit: Commit): void {
    for (const query of this.#all()) query.onCommit(commit);
  }

  #make({ path, componentPath, args, caller, journal }: WatchedQuery): LiveQuery {
    return new LiveQuery(
      {
        run: async (currentJournal) => {
          await this.#turn();
          try {
            return await this.runner.run({ kind: "query", path, componentPath, args, caller, journal: currentJournal });
          } finally {
            this.#runs--;
            this.#waiting.shift()?.();
          }
        },
        isAffected: (readSet, commit) => this.runner.isAffected(readSet, commit),
        latestTs: () => this.latestTs,
      },
      journal,
    );
  }

  async #turn(): Promise<void> {
    while (this.#runs >= MAX_CONCURRENT_RUNS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#runs++;
  }
}

/** JSON with the fields of objects in one order, so that equal arguments are equal text. */
export function canonicalJson(value: JSONValue): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
