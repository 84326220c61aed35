/** What a query depended on, and whether a commit changed any of it. */
import type { Document } from "./convex-test-types.js";

/** Ranges of one table beyond this number are noted as "the whole table": cheaper to check, and still correct. */
const MAX_RANGES_PER_TABLE = 128;

/** Tells whether a document, as it was before or after a commit, could have changed the result of a range query. */
export type Covers = (document: Document) => boolean;

interface TableReads {
  whole: boolean;
  ids: Set<string>;
  ranges: Covers[];
}

export interface DocumentChange {
  id: string;
  before: Document | null;
  after: Document | null;
}

/** Changes of one commit, by {@link tableKey}. */
export type CommitWrites = ReadonlyMap<string, readonly DocumentChange[]>;

/** A commit that concerns every query, such as a change of the environment. */
export const EVERYTHING = Symbol("everything");

/** One string for a table of a component; neither part may contain a NUL. */
export function tableKey(componentPath: string, table: string): string {
  return `${componentPath}\0${table}`;
}

export function splitTableKey(key: string): { componentPath: string; table: string } {
  const [componentPath = "", table = ""] = key.split("\0");
  return { componentPath, table };
}

/** convex-test's ids are digits followed by the table's name. */
export function tableOfId(id: string): string {
  return id.replace(/^[0-9]+/, "");
}

/** Notes the reads of one query while it runs. */
export class ReadRecorder {
  private readonly tables = new Map<string, TableReads>();

  readDocument(table: string, id: string): void {
    this.of(table).ids.add(id);
  }

  readRange(table: string, covers: Covers): void {
    const reads = this.of(table);
    if (reads.whole) return;
    if (reads.ranges.length < MAX_RANGES_PER_TABLE) reads.ranges.push(covers);
    else this.readTable(table);
  }

  readTable(table: string): void {
    const reads = this.of(table);
    reads.whole = true;
    reads.ranges = [];
  }

  isAffectedBy(writes: CommitWrites | typeof EVERYTHING): boolean {
    if (writes === EVERYTHING) return true;
    for (const [table, changes] of writes) {
      const reads = this.tables.get(table);
      if (reads !== undefined && changes.some((change) => concerns(reads, change))) return true;
    }
    return false;
  }

  private of(table: string): TableReads {
    let reads = this.tables.get(table);
    if (reads === undefined) {
      reads = { whole: false, ids: new Set(), ranges: [] };
      this.tables.set(table, reads);
    }
    return reads;
  }
}

function concerns(reads: TableReads, { id, before, after }: DocumentChange): boolean {
  if (reads.whole || reads.ids.has(id)) return true;
  return reads.ranges.some((covers) => (before !== null && covers(before)) || (after !== null && covers(after)));
}
