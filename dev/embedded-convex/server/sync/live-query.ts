/** One query that sockets watch: its newest result, through which commit that result is true, and when it must run again. */
import type { CallResult, Commit } from "../../engine/types.js";

/** A result, ready to be put into transitions. Two outcomes are the same to a client exactly if their `fields` are equal. */
export interface QueryOutcome {
  /** The inside of a state modification without its query id, as JSON without braces. */
  fields: string;
  /** The commit that the run saw last. */
  ts: bigint;
  journal: string | null;
}

/** What a live query needs of the world around it. */
export interface QueryEnvironment {
  run(journal: string | null): Promise<CallResult>;
  isAffected(readSet: unknown, commit: Commit): boolean;
  /** The newest commit; all up to it were announced. */
  latestTs(): bigint;
}

/** Commits during one run that are kept to be checked after it; beyond, the query just runs once more. */
const MAX_COMMITS_DURING_RUN = 256;

/** Every wait is for a run that began after the question, except the first: so the second answer is always new enough. */
const MAX_WAITS = 3;

interface EventsDuringRun {
  commits: Commit[];
  isInvalidated: boolean;
}

const NOT_A_COMMIT = 0n;

export class LiveQuery {
  readonly #watchers = new Set<{ onStale: () => void }>();
  #outcome: QueryOutcome | null = null;
  #readSet: unknown = null;
  /** The first commit that made the outcome out of date; 0 when it was something else, which no timestamp tells. */
  #staleSince: bigint | null = null;
  #running: Promise<void> | null = null;
  /** What happened since the run in progress began. */
  #during: EventsDuringRun = { commits: [], isInvalidated: false };

  constructor(
    private readonly environment: QueryEnvironment,
    private readonly initialJournal: string | null,
  ) {}

  /** The journal that the next run would get: watchers who bring the same one see the same result. */
  get journal(): string | null {
    return this.#outcome === null ? this.initialJournal : this.#outcome.journal;
  }

  get isWatched(): boolean {
    return this.#watchers.size > 0;
  }

  /** @param onStale Is called once each time the result goes out of date. */
  watch(onStale: () => void): () => void {
    // One entry for each call: a socket that changes its token watches with the same function before it lets go of the first watch.
    const watcher = { onStale };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** The newest outcome, if there is one, and through which commit it is known to be true. */
  get current(): { outcome: QueryOutcome; validThrough: bigint } | null {
    const outcome = this.#outcome;
    if (outcome === null) return null;
    const validThrough = this.#staleSince === null ? this.environment.latestTs() : this.#staleSince - 1n;
    return { outcome, validThrough: validThrough > outcome.ts ? validThrough : outcome.ts };
  }

  /**
   * Waits until {@link current} reflects every commit up to `ts`, and maybe later ones. Runs the query if need be,
   * once for all who ask.
   */
  async settle(ts: bigint): Promise<void> {
    for (let wait = 0; wait < MAX_WAITS; wait++) {
      if (this.#outcome !== null && (this.current?.validThrough ?? -1n) >= ts && this.#staleSince !== NOT_A_COMMIT)
        return;
      this.#running ??= this.#run().finally(() => (this.#running = null));
      await this.#running;
      if ((this.#outcome?.ts ?? -1n) >= ts) return;
    }
    throw new Error("A query keeps answering for a time before the newest commit.");
  }

  onCommit(commit: Commit): void {
    if (this.#running !== null && this.#during.commits.length < MAX_COMMITS_DURING_RUN)
      this.#during.commits.push(commit);
    this.#check(commit);
  }

  /** For changes that are no commits, such as of environment variables. */
  invalidate(): void {
    if (this.#running !== null) this.#during.isInvalidated = true;
    if (this.#outcome !== null && this.#staleSince === null) this.#markStale(NOT_A_COMMIT);
  }

  #check(commit: Commit): void {
    if (this.#outcome === null || this.#staleSince !== null || commit.ts <= this.#outcome.ts) return;
    if (this.#isAffected(commit)) this.#markStale(commit.ts);
  }

  #isAffected(commit: Commit): boolean {
    try {
      return this.environment.isAffected(this.#readSet, commit);
    } catch {
      // The commit is done; a doubt about who has to know of it must not turn into its failure. Running once more is always right.
      return true;
    }
  }

  #markStale(since: bigint): void {
    this.#staleSince = since;
    for (const { onStale } of [...this.#watchers]) onStale();
  }

  async #run(): Promise<void> {
    const during: EventsDuringRun = { commits: [], isInvalidated: false };
    this.#during = during;
    const result = await this.environment.run(this.journal);
    const fields = encodeFields(result);
    this.#outcome = {
      // The same string where nothing changed, so that comparing with what a socket has sent costs nothing.
      fields: this.#outcome?.fields === fields ? this.#outcome.fields : fields,
      ts: result.ts,
      journal: result.journal,
    };
    this.#readSet = result.readSet;
    this.#staleSince = null;
    if (during.isInvalidated) {
      this.#markStale(NOT_A_COMMIT);
    } else if (during.commits.length === MAX_COMMITS_DURING_RUN) {
      // Some were not kept, and any of them may be one that matters.
      this.#markStale(result.ts + 1n);
    } else {
      for (const commit of during.commits) this.#check(commit);
    }
  }
}

function encodeFields(result: CallResult): string {
  const { logLines, journal } = result;
  const fields = result.success
    ? { type: "QueryUpdated", value: result.value, logLines, journal }
    : {
        type: "QueryFailed",
        errorMessage: result.errorMessage,
        logLines,
        journal,
        ...(result.errorData === undefined ? {} : { errorData: result.errorData }),
      };
  return JSON.stringify(fields).slice(1, -1);
}
