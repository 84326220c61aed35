import { describe, expect, it } from "vitest";
import { randomToken, sha256Hex } from "../digest.js";
import {
  enqueue,
  expectRefused,
  lib,
  passTime,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { spawnWorker, startWorker, workerWith } from "../worker.test-kit.js";

type Enrollment = { workerId: string; workerToken: string; enrollmentCredential: string };

async function enroll(t: Harness, args: Enrollment) {
  return await t.action(async (ctx) => await ctx.runMutation(lib.enrollWorker, args));
}

describe("enrolling", () => {
  useFakeClock();

  it("trades the credential for the worker's own token and tells how to live", async () => {
    const t = await startWithAgent();
    const spawned = await spawnWorker(t, { policy: { isolation: "agent", conversationsPerWorker: 3 } });
    expect(await enroll(t, { ...spawned, workerToken: randomToken() })).toEqual({
      poolKey: "default",
      heartbeatIntervalMs: 15_000,
      conversationsPerWorker: 3,
      tokenLifetimeMs: 24 * 3_600_000,
    });
  });

  it("may be repeated with the same token, for the answer may have been lost", async () => {
    const t = await startWithAgent();
    const args = { ...(await spawnWorker(t)), workerToken: randomToken() };
    const first = await enroll(t, args);
    const before = await snapshotOfAllTables(t);
    expect(await enroll(t, args)).toEqual(first);
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });

  it("happens once: another token is refused, and the first stays valid", async () => {
    const t = await startWithAgent();
    const args = { ...(await spawnWorker(t)), workerToken: randomToken() };
    await enroll(t, args);
    await expectRefused(t, "enrollment_rejected", async () => enroll(t, { ...args, workerToken: randomToken() }));
    const { workerId, workerToken } = args;
    expect(await workerWith(t, { workerId, workerToken }).heartbeat()).toBe(true);
  });

  it("is refused at once with a wrong credential, for an unknown worker, and for a worker's other credential", async () => {
    const t = await startWithAgent();
    const [one, other] = [await spawnWorker(t), await spawnWorker(t)];
    const workerToken = randomToken();
    const refused = [
      { ...one, workerToken, enrollmentCredential: randomToken() },
      { ...one, workerToken, enrollmentCredential: "" },
      { ...one, workerToken, enrollmentCredential: other.enrollmentCredential },
      { ...one, workerToken, workerId: "nobody" },
      // The stored digest is no credential.
      { ...one, workerToken, enrollmentCredential: await sha256Hex(one.enrollmentCredential) },
    ];
    for (const args of refused) await expectRefused(t, "enrollment_rejected", async () => enroll(t, args));
  });

  it("is too late at the boot deadline, but can be repeated after it", async () => {
    const t = await startWithAgent();
    const [quick, slow] = [await spawnWorker(t), await spawnWorker(t)];
    const [quickArgs, slowArgs] = [quick, slow].map((spawned) => ({ ...spawned, workerToken: randomToken() }));
    passTime(3 * 60_000 - 1);
    await enroll(t, quickArgs!);
    passTime(1);
    await expectRefused(t, "enrollment_rejected", async () => enroll(t, slowArgs!));
    expect(await enroll(t, quickArgs!)).toMatchObject({ poolKey: "default" });
  });

  it("takes only a token of 256 bits", async () => {
    const t = await startWithAgent();
    const spawned = await spawnWorker(t);
    for (const workerToken of ["", "short", "x".repeat(42), "x".repeat(44), `${"x".repeat(42)}=`]) {
      await expectRefused(t, "invalid_argument", async () => enroll(t, { ...spawned, workerToken }));
    }
  });

  it("leaves no credential and no token in any table", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const newToken = randomToken();
    await worker.rotate(newToken);
    await enqueue(t, "c");
    await workerWith(t, { workerId: worker.workerId, workerToken: newToken }).mustClaim();
    const stored = JSON.stringify(await snapshotOfAllTables(t));
    for (const secret of [worker.enrollmentCredential, worker.credentials.workerToken, newToken]) {
      expect(stored).not.toContain(secret);
      expect(stored).not.toContain(btoa(secret));
    }
    expect(stored).toContain(await sha256Hex(newToken));
  });
});

describe("a token", () => {
  useFakeClock();

  it("is replaced by a new one: the old one is worth nothing from then on", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const newToken = randomToken();
    expect(await worker.rotate(newToken)).toEqual({ tokenLifetimeMs: 24 * 3_600_000 });
    await expectRefused(t, "worker_rejected", worker.heartbeat);
    await expectRefused(t, "worker_rejected", async () => worker.rotate(randomToken()));
    expect(await workerWith(t, { workerId: worker.workerId, workerToken: newToken }).heartbeat()).toBe(true);
  });

  it("can be confirmed with itself, when the answer to the change was lost", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const newToken = randomToken();
    await worker.rotate(newToken);
    const renewed = workerWith(t, { workerId: worker.workerId, workerToken: newToken });
    expect(await renewed.rotate(newToken)).toEqual({ tokenLifetimeMs: 24 * 3_600_000 });
    expect(await renewed.heartbeat()).toBe(true);
  });

  it("ends after a day, to the millisecond, unless it was renewed", async () => {
    const t = await startWithAgent();
    const policy = { leaseDurationMs: 600_000 };
    const [worker, renewing] = [await startWorker(t, { policy }), await startWorker(t, { policy })];
    passTime(24 * 3_600_000 - 1);
    expect(await worker.inbox()).toMatchObject({ state: "run" });
    const newToken = randomToken();
    await renewing.rotate(newToken);
    passTime(1);
    await expectRefused(t, "worker_rejected", worker.inbox);
    const renewed = workerWith(t, { workerId: renewing.workerId, workerToken: newToken });
    expect(await renewed.inbox()).toMatchObject({ state: "run" });
  });

  it("opens nothing for another worker, and neither does its digest", async () => {
    const t = await startWithAgent();
    const [one, other] = [await startWorker(t), await startWorker(t)];
    const impostors = [
      { workerId: other.workerId, workerToken: one.credentials.workerToken },
      { workerId: one.workerId, workerToken: await sha256Hex(one.credentials.workerToken) },
      { workerId: one.workerId, workerToken: "" },
      { workerId: "nobody", workerToken: one.credentials.workerToken },
    ];
    for (const credentials of impostors) {
      const impostor = workerWith(t, credentials);
      for (const call of [
        impostor.heartbeat,
        impostor.inbox,
        impostor.claim,
        impostor.drained,
        impostor.controlState,
      ]) {
        await expectRefused(t, "worker_rejected", call);
      }
    }
  });

  it("of a worker that has not enrolled opens nothing", async () => {
    const t = await startWithAgent();
    const { workerId, enrollmentCredential } = await spawnWorker(t);
    const early = workerWith(t, { workerId, workerToken: enrollmentCredential });
    await expectRefused(t, "worker_rejected", early.inbox);
  });
});
