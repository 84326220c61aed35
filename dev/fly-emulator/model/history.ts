/** What each machine or volume looked like a while ago, so that a read can be as stale as an eventually consistent one. */
import { type JsonObject } from "./json.js";

/** The JSON of a machine or a volume with its place in the order of creation. */
export interface SequencedView {
  readonly sequence: number;
  readonly view: JsonObject;
}

interface Entry {
  readonly at: number;
  readonly view: JsonObject;
}

interface ItemHistory {
  readonly app: string;
  readonly sequence: number;
  readonly entries: Entry[];
}

/** A lag of minutes at a change every few seconds; older views answer nothing a test can ask. */
const MAX_ENTRIES = 60;
/** What is gone stays visible to stale lists, but not without end. */
const MAX_ITEMS = 2_000;

export class ViewHistory {
  private readonly items = new Map<string, ItemHistory>();

  record(item: { app: string; id: string; sequence: number }, at: number, view: JsonObject): void {
    let history = this.items.get(item.id);
    if (history === undefined) {
      history = { app: item.app, sequence: item.sequence, entries: [] };
      this.items.set(item.id, history);
      const [oldest] = this.items.keys();
      if (this.items.size > MAX_ITEMS && oldest !== undefined) this.items.delete(oldest);
    }
    history.entries.push({ at, view });
    if (history.entries.length > MAX_ENTRIES) history.entries.shift();
  }

  /** The view that was current at `at`, or `undefined` when there was none yet. */
  viewAt(id: string, at: number): JsonObject | undefined {
    return this.items.get(id)?.entries.findLast((entry) => entry.at <= at)?.view;
  }

  /** Everything of the app as of `at`, oldest first, destroyed ones included. */
  viewsAt(app: string, at: number): SequencedView[] {
    const views: SequencedView[] = [];
    for (const [id, history] of this.items) {
      const view = history.app === app ? this.viewAt(id, at) : undefined;
      if (view !== undefined) views.push({ sequence: history.sequence, view });
    }
    return views;
  }
}
