/**
 * Time that passes only when nothing is left to do: events in order, and the clock and timers of the code that is simulated.
 *
 * The product's own steps ask `Date.now()` and wait with `setTimeout`; while a simulation runs, both are this clock's.
 */

type Event = { at: number; order: number; happen: () => void };

/** A multiple of a day, so that a time read in a debugger says something; above 0, which stands for "not known" elsewhere. */
export const EPOCH_MS = Date.UTC(2026, 0, 5);
/** A simulation that has not ended after this many events goes round in circles. */
const MAX_EVENTS = 20_000_000;

const realNow = Date.now;
const realSetTimeout = globalThis.setTimeout;

export class VirtualTime {
  /** A binary heap; ties in the order they were asked for, or equal seeds would not give equal runs. */
  private readonly heap: Event[] = [];
  private order = 0;
  /** Promises may have been settled since the last event: their continuations come before the next one. */
  private isUnsettled = false;
  private failures: unknown[] = [];
  now = EPOCH_MS;

  at(at: number, happen: () => void): void {
    const event = { at: Math.max(at, this.now), order: this.order++, happen };
    this.heap.push(event);
    this.rise(this.heap.length - 1);
  }

  after(ms: number, happen: () => void): void {
    this.at(this.now + ms, happen);
  }

  async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.after(ms, () => this.settle(resolve)));
  }

  /** Starts asynchronous work on the side; should it fail, the whole simulation does. */
  start(work: () => Promise<void>): void {
    this.isUnsettled = true;
    work().catch((error: unknown) => this.failures.push(error));
  }

  /** Calls what continues asynchronous code, so that it gets to run before time goes on. */
  settle(resolve: () => void): void {
    this.isUnsettled = true;
    resolve();
  }

  /** Runs events until `until` (ms since the epoch); what is due later stays undone. */
  async run(until: number): Promise<void> {
    this.install();
    try {
      for (let count = 0; ; count++) {
        if (count > MAX_EVENTS) throw new Error("The simulation does not come to an end.");
        // A real turn of the event loop lets every continuation run, however many awaits deep.
        if (this.isUnsettled) await new Promise((resolve) => setImmediate(resolve));
        this.isUnsettled = false;
        if (this.failures.length > 0) throw this.failures[0];
        const next = this.heap[0];
        if (next === undefined || next.at > until) break;
        this.now = next.at;
        this.removeFirst();
        next.happen();
      }
      this.now = until;
    } finally {
      Date.now = realNow;
      globalThis.setTimeout = realSetTimeout;
    }
  }

  private install(): void {
    if (Date.now !== realNow) throw new Error("Another simulation is running in this process.");
    Date.now = () => this.now;
    Reflect.set(globalThis, "setTimeout", (callback: () => void, ms = 0) => {
      this.after(ms, () => this.settle(callback));
    });
  }

  private removeFirst(): void {
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return;
    this.heap[0] = last;
    this.sink(0);
  }

  private rise(from: number): void {
    for (let index = from; index > 0;) {
      const parent = (index - 1) >> 1;
      if (!this.swapIfSooner(index, parent)) return;
      index = parent;
    }
  }

  private sink(from: number): void {
    for (let index = from; ;) {
      const left = 2 * index + 1;
      const sooner = this.isSooner(left + 1, left) ? left + 1 : left;
      if (!this.swapIfSooner(sooner, index)) return;
      index = sooner;
    }
  }

  private isSooner(index: number, than: number): boolean {
    const event = this.heap[index];
    const other = this.heap[than];
    if (event === undefined || other === undefined) return false;
    return event.at < other.at || (event.at === other.at && event.order < other.order);
  }

  private swapIfSooner(index: number, than: number): boolean {
    const event = this.heap[index];
    const other = this.heap[than];
    if (event === undefined || other === undefined || !this.isSooner(index, than)) return false;
    this.heap[index] = other;
    this.heap[than] = event;
    return true;
  }
}
