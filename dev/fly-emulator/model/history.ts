/** What each machine looked like a while ago, so that a read can be as stale as an eventually consistent one. */
import { type JsonObject } from "./json.js";

/** A machine's JSON with its place in the order of creation. */
export interface SequencedView {
  readonly sequence: number;
  readonly view: JsonObject;
}

interface Entry {
  readonly at: number;
  readonly view: JsonObject;
}

interface MachineHistory {
  readonly app: string;
  readonly sequence: number;
  readonly entries: Entry[];
}

/** A lag of minutes at a change every few seconds; older views answer nothing a test can ask. */
const MAX_ENTRIES = 60;
/** Machines that are gone stay visible to stale lists, but not without end. */
const MAX_MACHINES = 2_000;

export class ViewHistory {
  private readonly machines = new Map<string, MachineHistory>();

  record(machine: { app: string; id: string; sequence: number }, at: number, view: JsonObject): void {
    let history = this.machines.get(machine.id);
    if (history === undefined) {
      history = { app: machine.app, sequence: machine.sequence, entries: [] };
      this.machines.set(machine.id, history);
      const [oldest] = this.machines.keys();
      if (this.machines.size > MAX_MACHINES && oldest !== undefined) this.machines.delete(oldest);
    }
    history.entries.push({ at, view });
    if (history.entries.length > MAX_ENTRIES) history.entries.shift();
  }

  /** The view that was current at `at`, or `undefined` when the machine did not exist yet. */
  viewAt(id: string, at: number): JsonObject | undefined {
    return this.machines.get(id)?.entries.findLast((entry) => entry.at <= at)?.view;
  }

  /** Every machine of the app as of `at`, oldest first, destroyed ones included. */
  viewsAt(app: string, at: number): SequencedView[] {
    const views: SequencedView[] = [];
    for (const [id, history] of this.machines) {
      const view = history.app === app ? this.viewAt(id, at) : undefined;
      if (view !== undefined) views.push({ sequence: history.sequence, view });
    }
    return views;
  }
}
