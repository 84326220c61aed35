/**
 * Every function of `exposeApi` as those call it who must not: strangers, another user, workers that are not the one they
 * claim to be, with every id right. Functions are read from what it returns, so that a new one is tried as well.
 */
import { describe, expect, it, vi } from "vitest";
import { randomToken, sha256Hex } from "../component/digest.js";
import {
  inComponent,
  passTime,
  snapshotOfAllTables,
  startWorker,
  TEST_ENCRYPTION_KEY,
  useFakeClock,
  type Tables,
} from "../component/setup.test-kit.js";
import { storeFile } from "../component/conversations/uploads.test-kit.js";
import { spawnWorker } from "../component/worker.test-kit.js";
import { moveWorker } from "../component/workers/fleet.js";
import type { WorkerEvent } from "../component/workers/lifecycle.js";
import { AUDIENCES, component, sampleArgs, startApp, type App, type Exposed } from "./app.test-kit.js";
import type { Caller } from "./auth.js";
import { exposeApi } from "./expose.js";

const CANARY = "canary-of-ada";
const root: Caller = { userId: "root", isAdmin: true };
const eve: Caller = { userId: "eve", isAdmin: false };

type Args = Record<string, unknown>;

/** Ada in the middle of a turn, with a message behind it, files, an upload and a snapshot; and Eve, who has a conversation too. */
async function startScene() {
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
async function storeOutput({ t }: App, content: string) {
  const sizeBytes = new TextEncoder().encode(content).length;
  return { storageId: await storeFile(t, content), sha256: await sha256Hex(content), sizeBytes };
}

type Scene = Awaited<ReturnType<typeof startScene>>;

/** Sample arguments with everything that is known of Ada put in, and `change` over it. */
function argsAbout(fn: Exposed, known: Args, change: Args = {}): Args {
  const args = sampleArgs(fn);
  for (const [name, value] of Object.entries({ ...known, ...change })) if (name in args) args[name] = value;
  return args;
}

/** The data of a typed error, the result of a call that was accepted. Anything else is a defect, and thrown. */
async function outcomeOf(app: App, name: string, args: Args): Promise<{ refused: unknown } | { accepted: unknown }> {
  try {
    return { accepted: await app.call(name, args) };
  } catch (error) {
    const data: unknown = error instanceof Error && "data" in error ? error.data : null;
    if (typeof data !== "object" || data === null || !("kind" in data)) throw error;
    return { refused: data };
  }
}

/** The rows that are about Ada, in any table: by her name, her conversation or her messages. */
function rowsOfAda(tables: Tables, { conversationId, messageId }: Args): unknown[] {
  const marks = ["ada", CANARY, conversationId, messageId].map(String);
  return Object.values(tables).flatMap((rows) =>
    rows.filter((row) => marks.some((mark) => JSON.stringify(row).includes(mark))),
  );
}

/** Fails unless the function refuses with that kind and leaves every table as it was. */
async function expectRefusal({ app }: Scene, name: string, args: Args, kind: string): Promise<void> {
  const before = await snapshotOfAllTables(app.t);
  expect(await outcomeOf(app, name, args), name).toMatchObject({ refused: { kind } });
  expect(await snapshotOfAllTables(app.t), name).toEqual(before);
}

describe("what exposeApi returns", () => {
  it("is what the audiences have, and nothing that none of them has", () => {
    const { internal, ...functions } = exposeApi(component, { auth: () => null });
    const { cron, ...audiences } = AUDIENCES;
    const names = Object.values(audiences).flatMap((audience) => Object.keys(audience));
    expect(Object.keys(functions).sort()).toEqual(names.sort());
    expect(Object.keys(internal).sort()).toEqual(Object.keys(cron).sort());
  });
});

describe("with every id right", () => {
  useFakeClock();

  it("nobody gets anywhere", async () => {
    const scene = await startScene();
    scene.as(null);
    for (const [name, fn] of Object.entries({ ...AUDIENCES.user, ...AUDIENCES.admin })) {
      await expectRefusal(scene, name, argsAbout(fn, scene.known), "unauthorized");
    }
  });

  it("another user gets nowhere, by Ada's name or by an administrator's function", async () => {
    const scene = await startScene();
    scene.as(eve);
    for (const [name, fn] of Object.entries({ ...AUDIENCES.user, ...AUDIENCES.admin })) {
      await expectRefusal(scene, name, argsAbout(fn, scene.known), "forbidden");
    }
  });

  it("Ada herself gets no further than to what is hers", async () => {
    const scene = await startScene();
    scene.as({ userId: "ada", isAdmin: false });
    for (const [name, fn] of Object.entries(AUDIENCES.admin)) {
      await expectRefusal(scene, name, argsAbout(fn, scene.known), "forbidden");
    }
  });

  it("another user in their own name reaches nothing of hers, and does not learn whether there is any", async () => {
    const scene = await startScene();
    const { app, known } = scene;
    scene.as(eve);
    const hers = rowsOfAda(await snapshotOfAllTables(app.t), known);
    expect(hers.length).toBeGreaterThan(8);
    const own = { consumerUserId: "eve" };
    const nothing = {
      messageId: "m",
      uploadId: "u",
      storageId: "s",
      conversationId: "c",
      attachments: [{ storageId: "s" }],
    };
    // What ends her own access comes last, or nothing behind it would be tried.
    const { revokeUserAgentBinding, ...others } = AUDIENCES.user;
    for (const [name, fn] of Object.entries({ ...others, revokeUserAgentBinding: revokeUserAgentBinding! })) {
      const outcome = await outcomeOf(app, name, argsAbout(fn, known, own));
      expect(JSON.stringify(outcome), name).not.toContain("binding_not_found");
      expect(JSON.stringify(outcome), name).not.toMatch(new RegExp(`${CANARY}|"ada"|${String(known.conversationId)}`));
      const isRefused = "refused" in outcome;
      if (isRefused)
        expect(await outcomeOf(app, name, argsAbout(fn, known, { ...own, ...nothing })), name).toEqual(outcome);
      const after = Object.values(await snapshotOfAllTables(app.t)).flat();
      expect(after, name).toEqual(expect.arrayContaining(hers));
    }
  });
});

describe("a worker's function", () => {
  useFakeClock();

  const functions = Object.entries(AUDIENCES.worker).filter(([name]) => name !== "workerEnroll");
  /** Those by which a worker learns that it is to go. */
  const REACHABLE = ["workerInbox", "workerControlState", "workerDrained"];

  it("takes every call of the worker that runs the turn, or says what is wrong with it: the arguments here are right", async () => {
    const { app, worker, known } = await startScene();
    const ending = ["workerComplete", "workerFail", "workerRelease", "workerDrained", "workerRotateToken"];
    for (const [name, fn] of functions.filter(([other]) => !ending.includes(other))) {
      const args = argsAbout(fn, known, { ...worker.credentials, ...(await storeOutput(app, `for ${name}`)) });
      expect(await outcomeOf(app, name, args), name).toHaveProperty("accepted");
    }
  });

  it("takes no call with a token that is not this worker's, or no longer", async () => {
    const scene = await startScene();
    const { app, worker, known } = scene;
    const { workerId, workerToken } = worker.credentials;
    const other = await startWorker(app.t);
    const unborn = await spawnWorker(app.t);
    const newToken = randomToken();
    await worker.rotate(newToken);
    const impostors: [string, { workerId: string; workerToken: string }][] = [
      ["that never was one", { workerId, workerToken: randomToken() }],
      ["that is empty", { workerId, workerToken: "" }],
      ["that is only its digest", { workerId, workerToken: await sha256Hex(newToken) }],
      ["that has been replaced", { workerId, workerToken }],
      ["of another worker", { workerId, workerToken: other.credentials.workerToken }],
      ["of another worker's name", { workerId: other.workerId, workerToken: newToken }],
      ["that was a credential", { workerId, workerToken: worker.enrollmentCredential }],
      ["before it has enrolled", { workerId: unborn.workerId, workerToken: unborn.enrollmentCredential }],
      ["of nobody", { workerId: "nobody", workerToken: newToken }],
    ];
    for (const [which, credentials] of impostors) {
      const before = await snapshotOfAllTables(app.t);
      for (const [name, fn] of functions) {
        const outcome = await outcomeOf(app, name, argsAbout(fn, known, credentials));
        expect(outcome, `${name} with a token ${which}`).toMatchObject({ refused: { kind: "worker_rejected" } });
      }
      expect(await snapshotOfAllTables(app.t), which).toEqual(before);
    }
    passTime(24 * 3_600_000);
    for (const [name, fn] of functions) {
      await expectRefusal(scene, name, argsAbout(fn, known, { workerId, workerToken: newToken }), "worker_rejected");
    }
  });

  it("takes no call of a worker that was fenced, but tells it to go", async () => {
    const scene = await startScene();
    const { app, worker, known } = scene;
    for (const event of ["lost", "gone"] satisfies WorkerEvent[]) {
      await inComponent(app.t, async (ctx) => await moveWorker(ctx, worker.workerId, event, "A test wants it."));
      const before = await snapshotOfAllTables(app.t);
      for (const [name, fn] of functions) {
        const args = argsAbout(fn, known, worker.credentials);
        if (!REACHABLE.includes(name)) await expectRefusal(scene, name, args, "worker_rejected");
      }
      const told = async (name: string) =>
        await app.call(name, argsAbout(AUDIENCES.worker[name]!, known, worker.credentials));
      expect(await told("workerInbox")).toEqual({ state: "stop", work: null, leaseIds: [] });
      expect(await told("workerControlState")).toEqual({ shouldStop: true });
      expect(await told("workerDrained")).toBeNull();
      expect(await snapshotOfAllTables(app.t)).toEqual(before);
      const again = argsAbout(AUDIENCES.worker.workerEnroll!, known, worker.credentials);
      await expectRefusal(scene, "workerEnroll", again, "enrollment_rejected");
    }
  });

  it("gives a worker of somebody else, or of nobody yet, nothing of hers for her ids", async () => {
    const { app, known, worker } = await startScene();
    await app.call("sendMessageToUserAgent", { consumerUserId: "eve", agentKey: "a", content: "hi" });
    const neighbor = await startWorker(app.t);
    await neighbor.complete(await neighbor.mustClaim());
    const free = await startWorker(app.t);
    expect(await worker.hasQueued(String(known.conversationId))).toBe(true);
    for (const { credentials } of [neighbor, free]) {
      const hers = rowsOfAda(await snapshotOfAllTables(app.t), known);
      const last = ["workerDrained", "workerRotateToken"];
      const inOrder = functions.filter(([name]) => !last.includes(name));
      for (const [name, fn] of inOrder) {
        const outcome = await outcomeOf(app, name, argsAbout(fn, known, credentials));
        expect(JSON.stringify(outcome), name).not.toMatch(
          new RegExp(`${CANARY}|"ada"|${String(known.conversationId)}`),
        );
        const isAboutHer = ["leaseId", "snapshotId", "conversationId"].some((id) => id in sampleArgs(fn));
        if (isAboutHer && !["workerClaim", "workerConversationHasQueued"].includes(name)) {
          expect(outcome, name).toHaveProperty("refused");
        }
        if (name === "workerClaim") expect(outcome).toEqual({ accepted: null });
        if (name === "workerConversationHasQueued") expect(outcome).toEqual({ accepted: false });
        const after = Object.values(await snapshotOfAllTables(app.t)).flat();
        expect(after, name).toEqual(expect.arrayContaining(hers));
      }
    }
  });

  it("takes no turn for another: neither her lease with another message, nor another lease with her message", async () => {
    const scene = await startScene();
    const { app, known } = scene;
    const ofTurns = functions.filter(([, fn]) => "leaseId" in sampleArgs(fn));
    expect(ofTurns.length).toBeGreaterThan(8);
    await app.call("sendMessageToUserAgent", { consumerUserId: "eve", agentKey: "a", content: "hi" });
    const thief = await startWorker(app.t);
    const { messageId, leaseId, generation, conversationId } = await thief.mustClaim();
    const own = { ...thief.credentials, messageId, leaseId, generation, conversationId };
    const mixtures = [{ messageId: known.messageId }, { leaseId: known.leaseId }, { generation: generation + 1 }];
    for (const mixture of mixtures) {
      for (const [name, fn] of ofTurns) {
        await expectRefusal(scene, name, argsAbout(fn, known, { ...own, ...mixture }), "lease_lost");
      }
    }
    const snapshot = argsAbout(AUDIENCES.worker.workerComplete!, known, own);
    await expectRefusal(scene, "workerComplete", { ...snapshot, snapshotId: known.snapshotId }, "snapshot_rejected");
  });
});
