/** Reads lists whose rows may be large: bounded by their number and by their size, whichever comes first. */

export type Bounds = { rows: number; characters: number };

/** Takes rows while both bounds hold; the first row always, however large. Rows beyond them are not read. */
export async function takeWithin<Row>(
  rows: AsyncIterable<Row>,
  bounds: Bounds,
  sizeOf: (row: Row) => number,
): Promise<Row[]> {
  const taken: Row[] = [];
  let characters = 0;
  if (bounds.rows <= 0) return taken;
  for await (const row of rows) {
    characters += sizeOf(row);
    if (taken.length > 0 && characters > bounds.characters) break;
    taken.push(row);
    if (taken.length >= bounds.rows) break;
  }
  return taken;
}
