/**
 * Brings one client from state to state: which queries, as whom, at what time. One transition is computed at a time;
 * everything that happens meanwhile goes into the next one.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { ANONYMOUS, AuthenticationError, type Caller } from "../auth/caller.js";
import type { LiveQueries } from "./live-queries.js";
import { ProtocolError, type ClientMessage, type QuerySetModification } from "./messages.js";
import { QuerySet, type Snapshot } from "./query-set.js";
import { encodeTimestamp } from "./timestamps.js";

/**
 * How often results are computed again to have all of them at one and the same commit. While writes come faster than that,
 * a client gets results of which some are newer than others; each reflects at least the transition's time.
 */
const MAX_ROUNDS = 3;

/**
 * A transition that shows what a running mutation did must come after its answer, or an optimistic update would be
 * applied on top of it. Longer than this a client's other queries are not held up, however.
 */
const MAX_WAIT_FOR_MUTATION_MS = 1_000;

interface Version {
  querySet: number;
  identity: number;
}

export interface TransitionConnection {
  sendTransition(json: string): void;
  ready(): Promise<void>;
}

export class Transitions {
  readonly #querySet: QuerySet;
  /** What the client has asked for, and what it has been brought to. */
  #received: Version = { querySet: 0, identity: 0 };
  #sent: Version & { ts: bigint } = { querySet: 0, identity: 0, ts: 0n };
  #modifications: QuerySetModification[] = [];
  #caller: Caller = ANONYMOUS;
  /** A transition must be sent that reaches this commit, even if nothing changed. */
  #owed: bigint | null = null;
  #clientClockSkew: number | null = null;
  #wanted = false;
  #working = false;
  #closed = false;
  #mutation: { done: Promise<unknown>; since: bigint } | null = null;

  constructor(
    private readonly connection: TransitionConnection,
    private readonly liveQueries: LiveQueries,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#querySet = new QuerySet(liveQueries, () => this.#want());
  }

  /** The identity that the client's newest state has. */
  get identityVersion(): number {
    return this.#sent.identity;
  }

  connect({ maxObservedTimestamp, clientTs }: Extract<ClientMessage, { type: "Connect" }>): void {
    if (clientTs !== null) this.#clientClockSkew = Math.round(clientTs - Date.now());
    // A client that has seen later times than this backend knows (its data was deleted, a clock went back) must not see time run backwards.
    if (maxObservedTimestamp > this.liveQueries.latestTs) this.owe(maxObservedTimestamp);
  }

  /** @throws ProtocolError when the client's idea of its own query set is not the one that it told. */
  modifyQuerySet({ baseVersion, newVersion, modifications }: Extract<ClientMessage, { type: "ModifyQuerySet" }>): void {
    if (baseVersion !== this.#received.querySet || newVersion <= baseVersion) {
      throw new ProtocolError(
        `A query set of version ${this.#received.querySet} cannot go from ${baseVersion} to ${newVersion}.`,
      );
    }
    this.#received.querySet = newVersion;
    this.#modifications.push(...modifications);
    this.owe(this.liveQueries.latestTs);
  }

  /** @throws ProtocolError like {@link modifyQuerySet}. */
  changeCaller(caller: Caller, baseVersion: number): void {
    if (baseVersion !== this.#received.identity) {
      throw new ProtocolError(`The identity has version ${this.#received.identity}, not ${baseVersion}.`);
    }
    this.#received.identity = baseVersion + 1;
    this.#caller = caller;
    this.owe(this.liveQueries.latestTs);
  }

  /** Promises the client a transition that reaches `ts`. */
  owe(ts: bigint): void {
    if (this.#owed === null || ts > this.#owed) this.#owed = ts;
    this.#want();
  }

  /** Runs a mutation of this client; see {@link MAX_WAIT_FOR_MUTATION_MS}. */
  async whileMutationRuns<T>(run: () => Promise<T>): Promise<T> {
    const done = run();
    const mutation = { done, since: this.liveQueries.latestTs };
    this.#mutation = mutation;
    try {
      return await done;
    } finally {
      if (this.#mutation === mutation) this.#mutation = null;
    }
  }

  /** @throws AuthenticationError when the caller's token has run out. */
  assertNotExpired(caller: Caller): void {
    if (caller.kind === "user" && caller.expiresAt <= Date.now()) {
      throw new AuthenticationError("TokenExpired", "The token has expired.");
    }
  }

  close(): void {
    this.#closed = true;
    this.#querySet.close();
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #want(): void {
    this.#wanted = true;
    if (!this.#working && !this.#closed) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    try {
      while (this.#wanted && !this.#closed) {
        // Lets everything in that is due in this turn: the messages of one packet, the commits of one burst.
        await nextTurn();
        await this.connection.ready();
        this.#wanted = false;
        await this.#transition();
      }
    } catch (error) {
      this.onError(error);
    } finally {
      this.#working = false;
    }
  }

  async #transition(): Promise<void> {
    if (this.#isClosed()) return;
    const next = { ...this.#received };
    const owed = this.#owed;
    this.#owed = null;
    this.assertNotExpired(this.#caller);
    const removed = this.#querySet.modify(this.#takeModifications(), this.#caller);
    if (next.identity !== this.#sent.identity) this.#querySet.changeCaller(this.#caller);

    const snapshot = await this.#settledSnapshot();
    if (this.#isClosed()) return;
    const isUnchanged = snapshot.changes.length === 0 && removed.length === 0;
    if (isUnchanged && owed === null) return;
    const ts = latest(snapshot.ts, this.#sent.ts, owed !== null && owed > this.liveQueries.latestTs ? owed : 0n);
    this.#send({ ...next, ts }, snapshot, removed);
  }

  #takeModifications(): QuerySetModification[] {
    const modifications = this.#modifications;
    this.#modifications = [];
    return modifications;
  }

  async #settledSnapshot(): Promise<Snapshot> {
    let goal = this.liveQueries.latestTs;
    for (let round = 1; ; round++) {
      await this.#querySet.settle(goal);
      await this.#waitForMutation();
      if (this.#isClosed()) return { ts: goal, newestTs: goal, changes: [] };
      const snapshot = this.#querySet.snapshot(goal);
      if (snapshot.newestTs <= snapshot.ts || round === MAX_ROUNDS) return snapshot;
      goal = snapshot.newestTs;
    }
  }

  async #waitForMutation(): Promise<void> {
    // Without a commit since it began, nothing that is to be sent can stem from it.
    if (this.#mutation === null || this.liveQueries.latestTs <= this.#mutation.since) return;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, MAX_WAIT_FOR_MUTATION_MS)));
    await Promise.race([this.#mutation.done, timeout]);
    clearTimeout(timer);
    // Its answer is sent in the turn after; the transition comes behind it.
    await nextTurn();
  }

  #send(version: Version & { ts: bigint }, snapshot: Snapshot, removed: number[]): void {
    const head = JSON.stringify({
      type: "Transition",
      startVersion: { ...this.#sent, ts: encodeTimestamp(this.#sent.ts) },
      endVersion: { ...version, ts: encodeTimestamp(version.ts) },
      ...(this.#clientClockSkew === null ? {} : { clientClockSkew: this.#clientClockSkew }),
      serverTs: Date.now() * 1_000_000,
    });
    // Results are JSON already, made once for all sockets that get them.
    const modifications = [
      ...removed.map((queryId) => `{"type":"QueryRemoved","queryId":${queryId}}`),
      ...snapshot.changes.map(({ queryId, fields }) => `{"queryId":${queryId},${fields}}`),
    ];
    this.#sent = version;
    this.#querySet.markSent(snapshot);
    this.connection.sendTransition(`${head.slice(0, -1)},"modifications":[${modifications.join(",")}]}`);
  }
}

function latest(...timestamps: bigint[]): bigint {
  return timestamps.reduce((newest, ts) => (ts > newest ? ts : newest));
}
