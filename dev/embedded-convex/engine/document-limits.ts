/** Convex's limits on single values, which convex-test does not know. */
import { getConvexSize, type Value } from "convex/values";
import type { ConvexTestInternals } from "./convex-test-types.js";
import { tableOfId } from "./read-sets.js";

const MAX_DOCUMENT_BYTES = 1 << 20;
/** Of a call's arguments, and of its result. */
const MAX_TRANSFER_BYTES = 16 << 20;
const MAX_ARRAY_LENGTH = 8_192;
const MAX_FIELDS = 1_024;
const MAX_DEPTH = 16;

/** Has every document that a function writes checked. */
export function installDocumentLimits({ global }: ConvexTestInternals): void {
  // The same document object moves up from level to level of a nested transaction.
  const checked = new WeakSet();
  for (const { db } of Object.values(global.components)) {
    const addWrite = db._addWrite.bind(db);
    db._addWrite = (id, document) => {
      if (document !== null && !checked.has(document)) {
        checkDocument(tableOfId(id), document);
        checked.add(document);
      }
      addWrite(id, document);
    };
  }
}

/** @throws saying which limit a document breaks, and where. */
function checkDocument(table: string, document: Readonly<Record<string, Value | undefined>>): void {
  const problem = findProblem(document, table, 0);
  if (problem !== null) throw new Error(problem);
  const size = getConvexSize(document);
  if (size > MAX_DOCUMENT_BYTES) {
    throw new Error(`A document of "${table}" is too large: ${size} bytes, of at most ${MAX_DOCUMENT_BYTES}.`);
  }
}

/** @throws if arguments or results are larger than Convex transfers. */
export function checkTransfer(what: string, value: Value): void {
  const size = getConvexSize(value);
  if (size > MAX_TRANSFER_BYTES) throw new Error(`${what} too large: ${size} bytes, of at most ${MAX_TRANSFER_BYTES}.`);
}

function findProblem(value: unknown, where: string, depth: number): string | null {
  if (typeof value !== "object" || value === null || value instanceof ArrayBuffer) return null;
  if (depth > MAX_DEPTH) return `"${where}" is nested too deeply: at most ${MAX_DEPTH} levels.`;
  const parts: [string, unknown][] = Object.entries(value);
  const limit = Array.isArray(value) ? MAX_ARRAY_LENGTH : MAX_FIELDS;
  if (parts.length > limit) return `"${where}" is too long: ${parts.length} parts, of at most ${limit}.`;
  for (const [field, part] of parts) {
    const problem = findProblem(part, `${where}.${field}`, depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}
