/** What is saved on disk: one record per commit or changed setting, and how documents are encoded in it. */
import { convexToJson, jsonToConvex, type JSONValue } from "convex/values";
import { z } from "zod";
import type { Document } from "./convex-test-types.js";
import { HIDDEN, hiddenFields } from "./hidden-fields.js";

/** JSON.parse made it, so JSON it is. */
const vJson = z.custom<JSONValue>((value) => value !== undefined);

const vHidden = z.object({
  fileUuid: z.string().optional(),
  target: z.object({ componentPath: z.string(), udfPath: z.string() }).optional(),
});

const vDocument = z.tuple([z.string(), vJson, vHidden.optional()]);

const vComponentChanges = z.object({
  path: z.string(),
  /** So that no id is given twice, and creation times keep rising. */
  nextDocId: z.number(),
  lastCreationTime: z.number(),
  /** Id, document or `null` if it was deleted, hidden fields if it has any. */
  documents: z.array(vDocument),
});

const vAnswer = z.object({ key: z.string(), value: vJson, logLines: z.array(z.string()), ts: z.string() });

const vRecord = z.object({
  ts: z.string().optional(),
  components: z.array(vComponentChanges).optional(),
  answer: vAnswer.optional(),
  /** `null` removes a variable. */
  env: z.record(z.string(), z.string().nullable()).optional(),
  /** When each cron ran last, by component path and name, in ms since 1970. */
  crons: z.record(z.string(), z.number()).optional(),
  uploadKey: z.string().optional(),
  usedTokens: z.record(z.string(), z.number()).optional(),
});

export type SavedDocument = z.infer<typeof vDocument>;
export type SavedRecord = z.infer<typeof vRecord>;
export type SavedAnswer = z.infer<typeof vAnswer>;
export type ComponentChanges = z.infer<typeof vComponentChanges>;

export function parseRecord(value: unknown): SavedRecord {
  return vRecord.parse(value);
}

export function encodeDocument(id: string, document: Document | null): SavedDocument {
  if (document === null) return [id, null];
  const hidden = hiddenFields(document);
  // Fields that are `undefined` are left out by the encoding, as a field that is not there.
  const json = convexToJson(document);
  return Object.keys(hidden).length === 0 ? [id, json] : [id, json, hidden];
}

export function decodeDocument([, json, hidden]: SavedDocument): Document | null {
  if (json === null) return null;
  // Saved by `encodeDocument`, so it has an id and a creation time.
  const document = jsonToConvex(json) as unknown as Document;
  return hidden === undefined ? document : { ...document, [HIDDEN]: hidden };
}
