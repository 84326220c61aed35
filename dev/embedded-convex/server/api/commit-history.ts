/** The commits of the last moments, to answer whether a result of now was true at an earlier time, too. */
import type { Commit, Engine } from "../../engine/types.js";

/** A client reads at a fixed time while it renders one page. */
const MAX_COMMITS = 1_000;

export class CommitHistory {
  readonly #commits: Commit[] = [];
  readonly #unsubscribe: () => void;
  /** The history is complete from here on. */
  #completeSince: bigint;

  constructor(engine: Pick<Engine, "latestTs" | "onCommit">) {
    this.#completeSince = engine.latestTs();
    this.#unsubscribe = engine.onCommit((commit) => {
      this.#commits.push(commit);
      if (this.#commits.length > MAX_COMMITS) this.#completeSince = this.#commits.shift()?.ts ?? this.#completeSince;
    });
  }

  /** All commits after `since` up to `until`; null when the history does not reach back so far. */
  between(since: bigint, until: bigint): Commit[] | null {
    if (since < this.#completeSince) return null;
    return this.#commits.filter(({ ts }) => ts > since && ts <= until);
  }

  close(): void {
    this.#unsubscribe();
  }
}
