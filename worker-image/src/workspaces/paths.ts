/** Where a conversation's things are below the data folder. */
import { join } from "node:path";
import { sha256Hex } from "../lifecycle/identity.js";

export type ConversationPaths = {
  /** What a snapshot holds: the two folders below. The same on every machine with the same data folder. */
  root: string;
  workspace: string;
  state: string;
  /** What this worker knows about `root`; not part of it, so that no agent can change it by accident. */
  record: string;
  temporary: string;
};

export const conversationsDirectory = (dataDirectory: string) => join(dataDirectory, "conversations");
export const recordsDirectory = (dataDirectory: string) => join(dataDirectory, "records");
/** For archives on their way; emptied at every start. */
export const temporaryDirectory = (dataDirectory: string) => join(dataDirectory, "tmp");

/** Ids are the backend's and may hold any character; half a SHA-256 is unique and safe as a name. */
export const conversationKey = (conversationId: string) => sha256Hex(conversationId).slice(0, 32);

export function conversationPaths(dataDirectory: string, conversationId: string): ConversationPaths {
  const key = conversationKey(conversationId);
  const root = join(conversationsDirectory(dataDirectory), key);
  return {
    root,
    workspace: join(root, "workspace"),
    state: join(root, "state"),
    record: join(recordsDirectory(dataDirectory), `${key}.json`),
    temporary: join(temporaryDirectory(dataDirectory), "conversations", key),
  };
}
