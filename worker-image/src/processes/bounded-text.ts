/** Collects text of any length in bounded memory: its beginning and its end are kept, what lies between is counted. */
import { wellFormed } from "../well-formed.js";

export class BoundedText {
  private head = "";
  private tail = "";
  private total = 0;

  /** @param limit UTF-16 code units that are kept, half from the beginning and half from the end */
  constructor(private readonly limit: number) {}

  add(text: string): void {
    this.total += text.length;
    const half = this.limit >> 1;
    const toHead = text.slice(0, Math.max(0, half - this.head.length));
    this.head += toHead;
    const rest = text.slice(toHead.length);
    if (rest !== "") this.tail = half === 0 ? "" : (this.tail + rest).slice(-half);
  }

  /** @param clean applied to each piece that is left, before they are put together */
  toString(clean = (piece: string) => piece): string {
    const left = this.total - this.head.length - this.tail.length;
    const text =
      left > 0
        ? `${clean(this.head)}\n[${left} characters left out]\n${clean(this.tail)}`
        : clean(this.head + this.tail);
    return wellFormed(text);
  }
}

/** `text`, shortened in its middle to about `limit` characters if it is longer. */
export function shortened(text: string, limit: number): string {
  const bounded = new BoundedText(limit);
  bounded.add(text);
  return bounded.toString();
}
