/** Cuts a page out of a scan, by the rules of `.paginate()`. */
import { getDocumentSize, jsonToConvex, type JSONValue, type Value } from "convex/values";
import { z } from "zod";
import type { Document, Page, PageRequest } from "./convex-test-types.js";
import type { Bound, Key, KeyRange } from "./index-keys.js";
import type { RangeScan } from "./range-scan.js";
import type { Order } from "./table-store.js";

/** The cursor after the last document of a range, however many come to stand there later. */
const END_CURSOR = "_end_cursor";

const vCursor = z.array(z.string().nullable());

/** Narrows `range` to what lies after `cursor` and up to `endCursor`. */
export function pageRange(
  range: KeyRange,
  order: Order,
  { cursor, endCursor }: Pick<PageRequest, "cursor" | "endCursor">,
): KeyRange {
  const start: Bound[] = isPlace(cursor) ? [{ prefix: decodeCursor(cursor), inclusive: false }] : [];
  const end: Bound[] = isPlace(endCursor) ? [{ prefix: decodeCursor(endCursor), inclusive: true }] : [];
  return order === "asc"
    ? { lower: [...range.lower, ...start], upper: [...range.upper, ...end] }
    : { lower: [...range.lower, ...end], upper: [...range.upper, ...start] };
}

/**
 * @param scan over {@link pageRange}.
 * @param encode makes the cursor that points just after a document.
 */
export function readPage(
  scan: RangeScan,
  request: PageRequest,
  filter: (document: Document) => boolean,
  encode: (document: Document) => string,
): Page {
  const { cursor, endCursor, pageSize, maximumRowsRead, maximumBytesRead } = request;
  if (cursor === END_CURSOR) {
    scan.readToEnd();
    return { page: [], isDone: true, continueCursor: END_CURSOR, splitCursor: null, pageStatus: null };
  }
  const page: Document[] = [];
  const read: Document[] = [];
  let bytesRead = 0;
  let isOverLimit = false;
  let stoppedAt: Document | null = null;
  for (let document = scan.next(); document !== null; document = scan.next()) {
    read.push(document);
    // A stored document may have fields that are `undefined`; they take no space.
    bytesRead += getDocumentSize(document as Record<string, Value>);
    if (filter(document)) page.push(document);
    isOverLimit =
      (Boolean(maximumRowsRead) && read.length >= (maximumRowsRead ?? 0)) ||
      (Boolean(maximumBytesRead) && bytesRead >= (maximumBytesRead ?? 0));
    const isFull = !endCursor && page.length >= pageSize && scan.peek() !== null;
    if (isOverLimit || isFull) {
      stoppedAt = document;
      break;
    }
    if (!endCursor && page.length >= pageSize) break;
  }
  if (stoppedAt === null) scan.readToEnd();
  // A page with a fixed end keeps it, also when the document that it once ended with is gone.
  const continueCursor = stoppedAt === null ? (isPlace(endCursor) ? endCursor : END_CURSOR) : encode(stoppedAt);
  const pageStatus = isOverLimit ? "SplitRequired" : read.length > pageSize + 1 ? "SplitRecommended" : null;
  const middle = read[Math.floor((read.length - 1) / 2)];
  const isSplit = pageStatus !== null && read.length >= 2 && middle !== undefined;
  return {
    page,
    isDone: continueCursor === END_CURSOR,
    continueCursor,
    splitCursor: isSplit ? encode(middle) : null,
    pageStatus: pageStatus === "SplitRequired" || isSplit ? pageStatus : null,
  };
}

function isPlace(cursor: string | null): cursor is string {
  return cursor !== null && cursor !== "" && cursor !== END_CURSOR;
}

/** As convex-test encodes them: one JSON string per field, `null` for a field that is missing. */
function decodeCursor(cursor: string): Key {
  try {
    return vCursor.parse(JSON.parse(cursor)).map((field) => {
      // A field was a Convex value when the cursor was made.
      return field === null ? undefined : jsonToConvex(JSON.parse(field) as JSONValue);
    });
  } catch (error) {
    throw new Error(`The cursor ${JSON.stringify(cursor)} was not made by this query.`, { cause: error });
  }
}
