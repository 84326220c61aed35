/** All that a deployment remembers: documents, settings, answers. It is rebuilt from saved records and turned into them. */
import { randomBytes } from "node:crypto";
import { convexToJson } from "convex/values";
import { substitute, type PendingCommit } from "./commits.js";
import type { Database } from "./convex-test-types.js";
import { DataDirectory } from "./data-directory.js";
import type { Invocation } from "./invocation.js";
import { splitTableKey, tableKey, tableOfId } from "./read-sets.js";
import {
  decodeDocument,
  encodeDocument,
  type ComponentChanges,
  type SavedDocument,
  type SavedRecord,
} from "./records.js";
import { RequestAnswers } from "./request-answers.js";
import { TableStores } from "./table-store.js";

/** Documents per line of a snapshot: few enough that encoding them, even if all are large, holds nobody up for long. */
const DOCUMENTS_PER_RECORD = 10;

interface Counters {
  nextDocId: number;
  lastCreationTime: number;
}

export class DeploymentState {
  readonly tables = new TableStores();
  readonly variables = new Map<string, string>();
  readonly answers = new RequestAnswers();
  /** When each cron ran last, in ms. */
  readonly cronRuns = new Map<string, number>();
  /** Nonces of upload tokens that were used, with their expiry in ms. */
  readonly usedTokens = new Map<string, number>();
  /** Signs upload tokens. */
  uploadKey = "";
  private readonly counters = new Map<string, Counters>();
  private lastTs = 0n;
  private directory: DataDirectory | null = null;

  /** @param directory `null` to keep everything in memory only. */
  static async open(directory: string | null): Promise<DeploymentState> {
    const state = new DeploymentState();
    if (directory !== null) state.directory = await DataDirectory.open(directory, (record) => state.apply(record));
    if (state.uploadKey === "") state.save({ uploadKey: randomBytes(32).toString("hex") });
    return state;
  }

  /** The timestamp of the newest commit, in ns; the next one must be greater. */
  get newestTs(): bigint {
    return this.lastTs;
  }

  /** Gives a component's database what was restored. */
  fill(db: Database): void {
    for (const [key, { documents }] of this.tables.entries()) {
      if (splitTableKey(key).componentPath !== db.componentPath) continue;
      for (const [id, document] of documents) db._documents[id] = document;
    }
    const counters = this.counters.get(db.componentPath);
    if (counters === undefined) return;
    db._nextDocId = counters.nextDocId;
    db._lastCreationTime = counters.lastCreationTime;
  }

  /** Saves a setting, and applies it. @throws if it cannot be saved; then it is not applied either. */
  save(record: SavedRecord): void {
    this.directory?.append(record);
    this.apply(record);
  }

  /** Saves what a transaction is about to change, together with what the client that asked for it will be told. */
  saveCommit(
    { ts, changes }: PendingCommit,
    invocation: Invocation | null,
    database: (path: string) => Database,
  ): void {
    const key = invocation?.requestKey ?? null;
    const value = key === null || invocation?.answer === undefined ? undefined : substitute(invocation.answer, ts);
    if (changes.size === 0 && value === undefined) return;
    this.lastTs = ts;
    const answer = value === undefined ? undefined : convexToJson(value);
    const logLines = invocation?.logLines ?? [];
    if (this.directory !== null) {
      this.directory.append({
        ts: String(ts),
        components: encodeChanges(changes, database),
        ...(key === null || answer === undefined ? {} : { answer: { key, value: answer, logLines, ts: String(ts) } }),
      });
    }
    if (key !== null && answer !== undefined) this.answers.add(key, { value: answer, logLines, ts });
  }

  /** Makes a new snapshot in the background if the log has grown long. */
  compactIfDue(database: (path: string) => Database | null, onError: (error: unknown) => void): void {
    if (this.directory?.isCompactionDue() === true) this.directory.compact(this.records(database)).catch(onError);
  }

  async close(): Promise<void> {
    await this.directory?.close();
  }

  private apply(record: SavedRecord): void {
    if (record.ts !== undefined) this.lastTs = BigInt(record.ts);
    for (const { path, nextDocId, lastCreationTime, documents } of record.components ?? []) {
      this.counters.set(path, { nextDocId, lastCreationTime });
      for (const saved of documents) this.applyDocument(path, saved);
    }
    for (const [name, value] of Object.entries(record.env ?? {})) {
      if (value === null) this.variables.delete(name);
      else this.variables.set(name, value);
    }
    for (const [cron, lastRun] of Object.entries(record.crons ?? {})) this.cronRuns.set(cron, lastRun);
    for (const [nonce, expiry] of Object.entries(record.usedTokens ?? {})) this.usedTokens.set(nonce, expiry);
    if (record.uploadKey !== undefined) this.uploadKey = record.uploadKey;
    const { answer } = record;
    if (answer !== undefined) this.answers.add(answer.key, { ...answer, ts: BigInt(answer.ts) });
  }

  private applyDocument(path: string, saved: SavedDocument): void {
    const [id] = saved;
    const table = this.tables.of(tableKey(path, tableOfId(id)));
    table.apply(id, table.documents.get(id) ?? null, decodeDocument(saved));
  }

  /** The state as it is now; encoded later, which is safe because documents are replaced, never changed. */
  private records(database: (path: string) => Database | null): Iterable<SavedRecord> {
    const settings: SavedRecord = {
      ts: String(this.lastTs),
      env: Object.fromEntries(this.variables),
      crons: Object.fromEntries(this.cronRuns),
      usedTokens: Object.fromEntries(this.usedTokens),
      uploadKey: this.uploadKey,
    };
    const answers = [...this.answers.saved()];
    const tables = [...this.tables.entries()].map(([key, { documents }]) => ({
      path: splitTableKey(key).componentPath,
      documents: [...documents.entries()],
    }));
    // Of components that are not installed at present as well; their data stays.
    const paths = new Set([...this.counters.keys(), ...tables.map(({ path }) => path)]);
    const counters = new Map<string, Counters>();
    for (const path of paths) {
      counters.set(
        path,
        countersOf(database(path)) ?? this.counters.get(path) ?? { nextDocId: 0, lastCreationTime: 0 },
      );
    }
    return (function* (): Generator<SavedRecord> {
      yield settings;
      for (const answer of answers) yield { answer };
      for (const [path, numbers] of counters) yield { components: [{ path, ...numbers, documents: [] }] };
      for (const { path, documents } of tables) {
        const component = { path, ...(counters.get(path) ?? { nextDocId: 0, lastCreationTime: 0 }) };
        for (let start = 0; start < documents.length; start += DOCUMENTS_PER_RECORD) {
          const batch = documents.slice(start, start + DOCUMENTS_PER_RECORD);
          yield {
            components: [{ ...component, documents: batch.map(([id, document]) => encodeDocument(id, document)) }],
          };
        }
      }
    })();
  }
}

function encodeChanges(changes: PendingCommit["changes"], database: (path: string) => Database): ComponentChanges[] {
  const components = new Map<string, ComponentChanges>();
  for (const [key, documents] of changes) {
    const { componentPath: path } = splitTableKey(key);
    const { _nextDocId: nextDocId, _lastCreationTime: lastCreationTime } = database(path);
    const component = components.get(path) ?? { path, nextDocId, lastCreationTime, documents: [] };
    components.set(path, component);
    for (const { id, after } of documents) component.documents.push(encodeDocument(id, after));
  }
  return [...components.values()];
}

function countersOf(db: Database | null): Counters | null {
  return db === null ? null : { nextDocId: db._nextDocId, lastCreationTime: db._lastCreationTime };
}
