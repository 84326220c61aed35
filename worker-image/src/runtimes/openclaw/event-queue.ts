/** Events that one side pushes and the other reads, in order; reading ends when the queue is ended and empty. */
export class EventQueue<T> implements AsyncIterable<T> {
  private readonly items: T[] = [];
  private isEnded = false;
  private wake = () => {};

  push(...items: readonly T[]): void {
    if (this.isEnded) return;
    this.items.push(...items);
    this.wake();
  }

  /** With a last item, or none; whatever is pushed later is dropped. */
  end(...last: readonly T[]): void {
    this.push(...last);
    this.isEnded = true;
    this.wake();
  }

  get hasEnded(): boolean {
    return this.isEnded;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      for (let item = this.items.shift(); item !== undefined; item = this.items.shift()) yield item;
      if (this.isEnded) return;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
