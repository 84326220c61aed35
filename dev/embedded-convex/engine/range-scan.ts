/** Scans a range of an index as the open transaction sees it: the committed entries, overlaid by its own writes. */
import type { Document } from "./convex-test-types.js";
import { compareKeys, isAbove, isBelow, keyOf, type Key, type KeyRange } from "./index-keys.js";
import { compareEntries, type Entry, type Order, type TableStore } from "./table-store.js";

/** What a transaction has written to a table, by id; `null` is a deletion. */
export type PendingWrites = ReadonlyMap<string, Document | null>;

const NOTHING: PendingWrites = new Map();

/**
 * A scan that has begun keeps returning what was there when it began: committed entries do not change while a
 * transaction is open, and its own writes are copied at the start.
 */
export class RangeScan {
  private readonly committed: Iterator<Entry, void>;
  private readonly overwritten: PendingWrites;
  private readonly written: Entry[];
  private nextCommitted: Entry | null = null;
  private nextWritten = 0;
  private lastKey: Key | null = null;
  private isExhausted = false;

  constructor(
    table: TableStore,
    private readonly fields: readonly string[],
    private readonly range: KeyRange,
    private readonly order: Order,
    pending: PendingWrites = NOTHING,
  ) {
    this.overwritten = pending.size === 0 ? NOTHING : new Map(pending);
    this.written = [];
    for (const document of pending.values()) {
      if (document === null) continue;
      const key = keyOf(document, fields);
      if (!isBelow(key, range) && !isAbove(key, range)) this.written.push({ key, document });
    }
    this.written.sort(order === "asc" ? compareEntries : (a, b) => compareEntries(b, a));
    this.committed = table.scan(fields, range, order);
    this.advanceCommitted();
  }

  /** The next document, without moving on to it. */
  peek(): Document | null {
    return this.nextEntry()?.document ?? null;
  }

  next(): Document | null {
    const entry = this.nextEntry();
    if (entry === null) {
      this.isExhausted = true;
      return null;
    }
    if (entry === this.nextCommitted) this.advanceCommitted();
    else this.nextWritten += 1;
    this.lastKey = entry.key;
    return entry.document;
  }

  /** Notes that the scan's result also says that there is nothing after what was read. */
  readToEnd(): void {
    this.isExhausted = true;
  }

  /**
   * Whether a document lies in the part of the range that was looked at: all of it, or up to where the reader stopped.
   * What lies beyond cannot have changed the result.
   */
  covers(document: Document): boolean {
    const key = keyOf(document, this.fields);
    if (isBelow(key, this.range) || isAbove(key, this.range)) return false;
    if (this.isExhausted) return true;
    if (this.lastKey === null) return false;
    const order = compareKeys(key, this.lastKey);
    return this.order === "asc" ? order <= 0 : order >= 0;
  }

  private nextEntry(): Entry | null {
    const written = this.written[this.nextWritten];
    if (written === undefined) return this.nextCommitted;
    if (this.nextCommitted === null) return written;
    const order = compareEntries(this.nextCommitted, written);
    return (this.order === "asc" ? order < 0 : order > 0) ? this.nextCommitted : written;
  }

  private advanceCommitted(): void {
    for (;;) {
      const { value } = this.committed.next();
      this.nextCommitted = value ?? null;
      if (value === undefined || !this.overwritten.has(value.document._id)) return;
    }
  }
}
