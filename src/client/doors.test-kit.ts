/** Ada in the middle of a turn, for the tests of who may call what: all of her ids, and a look at what is hers. */
import { expect, vi } from "vitest";
import { storeFile } from "../component/conversations/uploads.test-kit.js";
import { randomToken, sha256Hex } from "../component/digest.js";
import { snapshotOfAllTables, TEST_ENCRYPTION_KEY, type Tables } from "../component/setup.test-kit.js";
import { startWorker } from "../component/worker.test-kit.js";
import { sampleArgs, startApp, type App, type Exposed } from "./app.test-kit.js";
import type { Caller } from "./auth.js";

export const CANARY = "canary-of-ada";
const root: Caller = { userId: "root", isAdmin: true };

export type Args = Record<string, unknown>;

/** Ada in the middle of a turn, with a message behind it, files, an upload and a snapshot; and Eve, who has a conversation too. */
export async function startScene() {
  vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", TEST_ENCRYPTION_KEY);
  let caller: Caller | null = root;
  const app = startApp(() => caller);
  const { t, call } = app;
  await call("importSecret", { secretRef: "shop", plaintextValue: CANARY });
  const environment = { SHOP: "shop" };
  await call("configureAgent", { agentKey: "a", version: "1", secretsRef: ["shop"], environment, enabled: true });
  const agentKey = "a";
  const owners = { ada: { consumerUserId: "ada", agentKey }, eve: { consumerUserId: "eve", agentKey } };
  const bound = async (owner: Args) =>
    ((await call("bindUserAgent", owner)) as { conversationId: string }).conversationId;
  const conversationId = await bound(owners.ada);
  await bound(owners.eve);
  await call("sendMessageToUserAgent", { ...owners.ada, content: CANARY });
  await call("sendMessageToUserAgent", { ...owners.ada, content: `${CANARY}, again` });
  const worker = await startWorker(t);
  const claim = await worker.mustClaim(conversationId);
  await worker.stream(claim, 0, CANARY);
  const { messageId, leaseId, generation } = claim;
  const { snapshotId } = await worker.prepareUpload({ conversationId, generation, reason: "checkpoint" });
  const { uploadId, contentType } = (await call("generateMediaUploadUrlForUserAgent", owners.ada)) as Record<
    string,
    string
  >;
  const attachments = [{ storageId: await storeFile(t, CANARY, contentType) }];
  const { enrollmentCredential, workerId } = worker;
  const hers = { conversationId, messageId, leaseId, generation, snapshotId, uploadId, attachments, workerId };
  const file = await storeOutput(app, "a workspace, or a file of an answer");
  const added = {
    offset: CANARY.length,
    messages: [{ role: "tool", content: "x" }],
    fileName: "a.txt",
    retryAfterMs: 1,
  };
  const rest = { reason: "checkpoint", enrollmentCredential, newWorkerToken: randomToken(), wantsWork: true, limit: 5 };
  const known: Args = { ...owners.ada, ...hers, ...file, ...added, ...rest };
  return { app, worker, known, as: (next: Caller | null) => (caller = next) };
}

/** A file as a worker stores it, and what it says of it. */
export async function storeOutput({ t }: App, content: string) {
  const sizeBytes = new TextEncoder().encode(content).length;
  return { storageId: await storeFile(t, content), sha256: await sha256Hex(content), sizeBytes };
}

export type Scene = Awaited<ReturnType<typeof startScene>>;

/** Sample arguments with everything that is known of Ada put in, and `change` over it. */
export function argsAbout(fn: Exposed, known: Args, change: Args = {}): Args {
  const args = sampleArgs(fn);
  for (const [name, value] of Object.entries({ ...known, ...change })) if (name in args) args[name] = value;
  return args;
}

/** The data of a typed error, the result of a call that was accepted. Anything else is a defect, and thrown. */
export async function outcomeOf(
  app: App,
  name: string,
  args: Args,
): Promise<{ refused: unknown } | { accepted: unknown }> {
  try {
    return { accepted: await app.call(name, args) };
  } catch (error) {
    const data: unknown = error instanceof Error && "data" in error ? error.data : null;
    if (typeof data !== "object" || data === null || !("kind" in data)) throw error;
    return { refused: data };
  }
}

/** The rows that are about Ada, in any table: by her name, her conversation or her messages. */
export function rowsOfAda(tables: Tables, { conversationId, messageId }: Args): unknown[] {
  const marks = ["ada", CANARY, conversationId, messageId].map(String);
  return Object.values(tables).flatMap((rows) =>
    rows.filter((row) => marks.some((mark) => JSON.stringify(row).includes(mark))),
  );
}

/** Fails when an answer tells anything of hers, or a row of hers is not as it was. */
export async function expectNothingOfHers(
  { app, known }: Scene,
  name: string,
  outcome: object,
  hers: unknown[],
): Promise<void> {
  for (const mark of [CANARY, '"ada"', String(known.conversationId)])
    expect(JSON.stringify(outcome), name).not.toContain(mark);
  const after = Object.values(await snapshotOfAllTables(app.t)).flat();
  expect(after, name).toEqual(expect.arrayContaining(hers));
}

/** Fails unless the function refuses with that kind and leaves every table as it was. */
export async function expectRefusal({ app }: Scene, name: string, args: Args, kind: string): Promise<void> {
  const before = await snapshotOfAllTables(app.t);
  expect(await outcomeOf(app, name, args), name).toMatchObject({ refused: { kind } });
  expect(await snapshotOfAllTables(app.t), name).toEqual(before);
}
