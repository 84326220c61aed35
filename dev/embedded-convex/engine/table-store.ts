/** The committed documents of one table, with its indexes. */
import type { Document } from "./convex-test-types.js";
import { compareKeys, isAbove, isBelow, keyOf, type Key, type KeyRange } from "./index-keys.js";
import { SortedList } from "./sorted-list.js";

export interface Entry {
  readonly key: Key;
  readonly document: Document;
}

export type Order = "asc" | "desc";

/** The fields of the index that every table has. */
export const BY_CREATION_TIME = ["_creationTime", "_id"] as const;
const ALL: KeyRange = { lower: [], upper: [] };

export class TableStore {
  /** In the order in which they were first written. */
  readonly documents = new Map<string, Document>();
  /** By their fields; made when first used, so that opening a large database does not wait for indexes nobody reads. */
  private readonly indexes = new Map<string, { fields: readonly string[]; entries: SortedList<Entry> }>();

  apply(id: string, before: Document | null, after: Document | null): void {
    if (after === null) this.documents.delete(id);
    else this.documents.set(id, after);
    for (const { fields, entries } of this.indexes.values()) {
      if (before !== null) entries.delete({ key: keyOf(before, fields), document: before });
      if (after !== null) entries.insert({ key: keyOf(after, fields), document: after });
    }
  }

  /** Entries of a range, one at a time. The table must not change meanwhile. */
  *scan(fields: readonly string[], range: KeyRange, order: Order): Generator<Entry, void> {
    const entries = this.index(fields);
    if (order === "asc") {
      const position = entries.firstWhere(({ key }) => !isBelow(key, range));
      for (let entry = entries.at(position); entry !== undefined; entry = entries.at(position)) {
        if (isAbove(entry.key, range)) return;
        yield entry;
        entries.advance(position);
      }
    } else {
      const position = entries.firstWhere(({ key }) => isAbove(key, range));
      entries.retreat(position);
      for (let entry = entries.at(position); entry !== undefined; entry = entries.at(position)) {
        if (isBelow(entry.key, range)) return;
        yield entry;
        entries.retreat(position);
      }
    }
  }

  /** At most `limit` documents, oldest or newest first. */
  firstByCreation(limit: number, order: Order): Document[] {
    const documents: Document[] = [];
    for (const { document } of this.scan(BY_CREATION_TIME, ALL, order)) {
      if (documents.length >= limit) break;
      documents.push(document);
    }
    return documents;
  }

  private index(fields: readonly string[]): SortedList<Entry> {
    const name = fields.join(",");
    const existing = this.indexes.get(name);
    if (existing !== undefined) return existing.entries;
    const sorted = [...this.documents.values()].map((document) => ({ key: keyOf(document, fields), document }));
    sorted.sort(compareEntries);
    const entries = new SortedList<Entry>(compareEntries, sorted);
    this.indexes.set(name, { fields, entries });
    return entries;
  }
}

export function compareEntries(a: Entry, b: Entry): number {
  return compareKeys(a.key, b.key);
}

/** The tables of all component instances. */
export class TableStores {
  private readonly stores = new Map<string, TableStore>();

  /** @param key see `tableKey`. */
  of(key: string): TableStore {
    let store = this.stores.get(key);
    if (store === undefined) {
      store = new TableStore();
      this.stores.set(key, store);
    }
    return store;
  }

  entries(): IterableIterator<[string, TableStore]> {
    return this.stores.entries();
  }
}
