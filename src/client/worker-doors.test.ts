/** Every function for workers as workers call it that are not the one they claim to be, or no longer, or somebody else's. */
import { describe, expect, it } from "vitest";
import { randomToken, sha256Hex } from "../component/digest.js";
import { inComponent, passTime, snapshotOfAllTables, useFakeClock } from "../component/setup.test-kit.js";
import { spawnWorker, startWorker } from "../component/worker.test-kit.js";
import { moveWorker } from "../component/workers/fleet.js";
import type { WorkerEvent } from "../component/workers/lifecycle.js";
import { AUDIENCES, sampleArgs } from "./app.test-kit.js";
import {
  argsAbout,
  expectNothingOfHers,
  expectRefusal,
  outcomeOf,
  rowsOfAda,
  startScene,
  storeOutput,
} from "./doors.test-kit.js";

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
    const scene = await startScene();
    const { app, known, worker } = scene;
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
        const isAboutHer = ["leaseId", "snapshotId", "conversationId"].some((id) => id in sampleArgs(fn));
        if (isAboutHer && !["workerClaim", "workerConversationHasQueued"].includes(name)) {
          expect(outcome, name).toHaveProperty("refused");
        }
        if (name === "workerClaim") expect(outcome).toEqual({ accepted: null });
        if (name === "workerConversationHasQueued") expect(outcome).toEqual({ accepted: false });
        await expectNothingOfHers(scene, name, outcome, hers);
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
