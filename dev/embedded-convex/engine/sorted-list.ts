/** A sorted collection with cheap insertion, removal and range scans at any size: what an in-memory index is made of. */

/** A block is split at twice this size. Moving a thousand pointers costs about as much as finding the block. */
const BLOCK_SIZE = 512;

/** A place between two elements; valid until the list changes. */
export interface Position {
  block: number;
  offset: number;
}

/** Elements must be distinct under `compare`. */
export class SortedList<T> {
  private blocks: T[][];
  private count: number;

  /** @param sorted initial elements, already in order. */
  constructor(
    private readonly compare: (a: T, b: T) => number,
    sorted: readonly T[] = [],
  ) {
    this.blocks = [];
    for (let start = 0; start < sorted.length; start += BLOCK_SIZE) {
      this.blocks.push(sorted.slice(start, start + BLOCK_SIZE));
    }
    this.count = sorted.length;
  }

  get size(): number {
    return this.count;
  }

  insert(element: T): void {
    this.count += 1;
    const last = this.blocks.at(-1);
    if (last === undefined) {
      this.blocks.push([element]);
      return;
    }
    const position = this.firstWhere((other) => this.compare(other, element) > 0);
    // After the very last element: into the last block, not into a new one.
    const block = position.block === this.blocks.length ? this.blocks.length - 1 : position.block;
    const elements = this.blocks[block] ?? last;
    elements.splice(position.block === this.blocks.length ? elements.length : position.offset, 0, element);
    if (elements.length >= 2 * BLOCK_SIZE) this.blocks.splice(block + 1, 0, elements.splice(BLOCK_SIZE));
  }

  /** @returns whether the element was there. */
  delete(element: T): boolean {
    const position = this.firstWhere((other) => this.compare(other, element) >= 0);
    const found = this.at(position);
    if (found === undefined || this.compare(found, element) !== 0) return false;
    const elements = this.blocks[position.block];
    elements?.splice(position.offset, 1);
    if (elements?.length === 0) this.blocks.splice(position.block, 1);
    this.count -= 1;
    return true;
  }

  /** The first element for which `isReached` holds; it must hold for all that come after it as well. */
  firstWhere(isReached: (element: T) => boolean): Position {
    const block = lowest(this.blocks.length, (index) => {
      const last = this.blocks[index]?.at(-1);
      return last !== undefined && isReached(last);
    });
    const elements = this.blocks[block];
    if (elements === undefined) return { block, offset: 0 };
    const offset = lowest(elements.length, (index) => {
      const element = elements[index];
      return element !== undefined && isReached(element);
    });
    return { block, offset };
  }

  at({ block, offset }: Position): T | undefined {
    return this.blocks[block]?.[offset];
  }

  /** Moves on in place, which spares scans an allocation per element. */
  advance(position: Position): void {
    position.offset += 1;
    if (position.offset < (this.blocks[position.block]?.length ?? 0)) return;
    position.block += 1;
    position.offset = 0;
  }

  retreat(position: Position): void {
    position.offset -= 1;
    if (position.offset >= 0) return;
    position.block -= 1;
    position.offset = (this.blocks[position.block]?.length ?? 0) - 1;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const block of this.blocks) yield* block;
  }
}

/** Binary search: the lowest index below `length` for which `isReached` holds, or `length`. */
function lowest(length: number, isReached: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isReached(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
