/** Fields of system documents that functions must not see, such as where a file's bytes are. */
import type { Document, FunctionPath } from "./convex-test-types.js";

/**
 * A symbol, because convex-test copies symbols along when it patches a document, and Convex's encoding of values, which
 * is all that functions get to see, leaves them out. So these fields commit and roll back with their document.
 */
export const HIDDEN = Symbol("hidden fields of a system document");

export interface HiddenFields {
  /** `_storage`: the name of the file, in its URL and on disk. */
  fileUuid?: string;
  /** `_scheduled_functions`: what to run; the visible `name` lacks the component. */
  target?: FunctionPath;
}

export function hiddenFields(document: Document | null): HiddenFields {
  const fields: unknown = document === null ? undefined : Reflect.get(document, HIDDEN);
  // Only the engine writes under this symbol.
  return fields ?? {};
}
