import { describe, expect, it } from "vitest";
import { snapshotOfAllTables, useFakeClock } from "../component/setup.test-kit.js";
import type { Caller } from "./auth.js";
import { AUDIENCES, sampleArgs, startApp, type App, type Exposed } from "./app.test-kit.js";

const user: Caller = { userId: "ada", isAdmin: false };
const admin: Caller = { userId: "root", isAdmin: true };

/** The documented names; what exists by now is a part of them. */
const DOCUMENTED = {
  worker:
    "workerClaim workerHeartbeat workerComplete workerFail workerHydrationBundle workerGlobalSkillsManifest workerConversationHasQueued workerAppendConversationMessages workerControlState workerPrepareSnapshotUpload workerFinalizeSnapshotUpload workerFailSnapshotUpload workerLatestSnapshotForRestore workerGenerateMediaUploadUrl workerGetStorageFileUrl workerAttachMessageMetadata " +
    "workerAddReplyFile workerEnroll workerRotateToken workerRelease workerInbox workerAppendTurnDelta workerDrained",
  user:
    "listMessageTemplatesByCompany revokeUserAgentBinding myAgentKey getUserAgentBinding listUserAgents getUserAgent getActiveUserAgent getUserAgentsOverview createPairingCode createUserAgentPairing getPairingCodeStatus getUserAgentPairingStatus importTelegramTokenForAgent getUserAgentOnboardingState getTelegramAgentReadiness getAgentOperationalReadiness listPushTemplatesByCompany createPushJobFromTemplate createPushJobCustom updatePushJob deletePushJob setPushJobEnabled listPushJobsForUser listQueueItemsForUserAgent getConversationViewForUserAgent sendMessageToUserAgent sendMessageTemplateToUserAgent listSnapshotsForUserAgent getLatestSnapshotForUserAgent triggerPushJobNow listPushJobsForAgent createPushJobFromTemplateForAgent createPushJobCustomForAgent updatePushJobForAgent triggerPushJobNowForAgent listPushDispatchesForAgent getUserAgentPushStats getUserAgentConversationStats getUserAgentUsageStats " +
    "cancelMessageForUserAgent generateMediaUploadUrlForUserAgent discardMediaUploadForUserAgent",
  admin:
    "queueStats getProviderRuntimeConfig setProviderRuntimeConfig getMessageRuntimeConfig setMessageRuntimeConfig createMessageTemplate updateMessageTemplate deleteMessageTemplate enqueue workerStats globalSkillsDeploy globalSkillsList globalSkillsSetStatus globalSkillsDelete seedDefaultAgent importSecret secretStatus startWorkers checkIdleShutdowns deleteFlyVolume runFlyCleanup recoverQueue bindUserAgent resolveAgentForTelegram consumePairingCode reconcileTelegramBotIdentityForAgent getRequiredSecretRefs getProviderOperationalReadiness configureTelegramWebhook softResetTelegramBindingsMissingBotIdentity getWebhookReadiness createPushTemplate updatePushTemplate deletePushTemplate listQueueItemsForConversation listSnapshotsForConversation dispatchDuePushJobs sendBroadcastToAllActiveAgents listPushDispatchesByJob " +
    "configureAgent listJobsByStatus getScalingPolicy setScalingPolicy poolHealth listWorkers fleetTimeline wipeFlyApp queueHealth agentQueueStats cancelMessage redrive",
  cron: "dispatchDuePushJobs startWorkers checkIdleShutdowns runFlyCleanup recoverQueue runRetention",
};

/** Calls with sample arguments about Ada; resolves to the error's kind, or "accepted". */
async function outcome(app: App, name: string, fn: Exposed): Promise<string> {
  const args = sampleArgs(fn);
  if ("consumerUserId" in args) args.consumerUserId = "ada";
  return await outcomeOf(app, name, args);
}

async function outcomeOf(app: App, name: string, args: Record<string, unknown>): Promise<string> {
  try {
    await app.call(name, args);
    return "accepted";
  } catch (error) {
    const data: unknown = error instanceof Error && "data" in error ? error.data : null;
    return typeof data === "object" && data !== null && "kind" in data ? String(data.kind) : String(error);
  }
}

describe("the exposed functions", () => {
  for (const [audience, functions] of Object.entries(AUDIENCES)) {
    it(`for ${audience}s have documented names only`, () => {
      const documented = DOCUMENTED[audience as keyof typeof DOCUMENTED].split(" ");
      expect(Object.keys(functions).filter((name) => !documented.includes(name))).toEqual([]);
      expect(Object.keys(functions).length).toBeGreaterThan(4);
    });

    it(`for ${audience}s have validators for arguments and result, and the right visibility`, () => {
      for (const [name, fn] of Object.entries(functions)) {
        const args = JSON.parse(fn.exportArgs()) as { type: string };
        const returns = JSON.parse(fn.exportReturns()) as { type: string } | null;
        expect(args.type, name).toBe("object");
        expect(returns, name).not.toBeNull();
        expect(returns?.type, name).not.toBe("any");
        expect(fn.isPublic === true, name).toBe(audience !== "cron");
        expect(fn.isInternal === true, name).toBe(audience === "cron");
      }
    });
  }

  it("of one audience are never those of another", () => {
    const { worker, user, admin } = AUDIENCES;
    const names = [worker, user, admin].flatMap((functions) => Object.keys(functions));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("who is nobody", () => {
  useFakeClock();

  const nobodies: [string, () => never][] = [
    ["anonymous", () => null as never],
    ["undefined", () => undefined as never],
    ["without a name", () => ({ userId: "", isAdmin: true }) as never],
    ["of a name that is no text", () => ({ userId: 7, isAdmin: true }) as never],
    [
      "somebody whose check fails",
      () => {
        throw new Error("database of sessions is down: postgres://root:hunter2@db");
      },
    ],
  ];
  for (const [who, auth] of nobodies) {
    it(`is denied everything when ${who}`, async () => {
      const app = startApp(auth);
      const before = await snapshotOfAllTables(app.t);
      for (const [name, fn] of Object.entries({ ...AUDIENCES.user, ...AUDIENCES.admin })) {
        expect(await outcome(app, name, fn), name).toBe("unauthorized");
      }
      expect(app.authenticate).toHaveBeenCalledTimes(
        Object.keys(AUDIENCES.user).length + Object.keys(AUDIENCES.admin).length,
      );
      expect(await snapshotOfAllTables(app.t)).toEqual(before);
    });
  }

  it("does not learn why the check failed", async () => {
    const app = startApp(() => {
      throw new Error("postgres://root:hunter2@db is down");
    });
    await expect(app.call("queueStats")).rejects.not.toThrow(/hunter2/);
    await expect(app.call("queueStats")).rejects.toThrow(/Sign in first/);
  });
});

describe("a user", () => {
  useFakeClock();

  it("is denied every function about another user", async () => {
    const app = startApp(() => ({ userId: "eve", isAdmin: false }));
    const before = await snapshotOfAllTables(app.t);
    for (const [name, fn] of Object.entries(AUDIENCES.user)) {
      expect(await outcome(app, name, fn), name).toBe("forbidden");
    }
    expect(await snapshotOfAllTables(app.t)).toEqual(before);
  });

  it("is denied every administrative function, whatever passes for true", async () => {
    for (const isAdmin of [false, undefined, null, 1, "false", "true", {}]) {
      const app = startApp(() => ({ userId: "ada", isAdmin }) as never);
      for (const [name, fn] of Object.entries(AUDIENCES.admin)) {
        expect(await outcome(app, name, fn), name).toBe("forbidden");
      }
    }
  });

  it("is let through to their own", async () => {
    const app = startApp(() => user);
    for (const [name, fn] of Object.entries(AUDIENCES.user)) {
      expect(["accepted", "binding_not_found"], name).toContain(await outcome(app, name, fn));
    }
  });
});

describe("an administrator", () => {
  useFakeClock();

  it("may act for any user", async () => {
    const app = startApp(() => admin);
    for (const [name, fn] of Object.entries(AUDIENCES.user)) {
      expect(["accepted", "binding_not_found"], name).toContain(await outcome(app, name, fn));
    }
  });

  it("is let through to every administrative function", async () => {
    const app = startApp(() => admin);
    for (const [name, fn] of Object.entries(AUDIENCES.admin)) {
      expect(["unauthorized", "forbidden"], name).not.toContain(await outcome(app, name, fn));
    }
  });
});

describe("a worker's functions", () => {
  useFakeClock();

  it("ask the token and never the app's auth", async () => {
    const app = startApp(() => admin);
    const before = await snapshotOfAllTables(app.t);
    for (const [name, fn] of Object.entries(AUDIENCES.worker)) {
      const args = { ...sampleArgs(fn) };
      for (const token of ["workerToken", "newWorkerToken"]) if (token in args) args[token] = "x".repeat(43);
      const expected = name === "workerEnroll" ? "enrollment_rejected" : "worker_rejected";
      expect(await outcomeOf(app, name, args), name).toBe(expected);
    }
    expect(app.authenticate).not.toHaveBeenCalled();
    expect(await snapshotOfAllTables(app.t)).toEqual(before);
  });
});

describe("what auth is told", () => {
  useFakeClock();

  for (const audience of ["user", "admin"] as const) {
    it(`of every function for ${audience}s is its name, its kind and all that it is about`, async () => {
      const app = startApp(() => admin);
      for (const [name, fn] of Object.entries(AUDIENCES[audience])) {
        app.operations.length = 0;
        await outcome(app, name, fn);
        const args = sampleArgs(fn);
        if ("consumerUserId" in args) args.consumerUserId = "ada";
        const about = Object.fromEntries(
          ["consumerUserId", "agentKey", "conversationId"].flatMap((key) => (key in args ? [[key, args[key]]] : [])),
        );
        const access = fn.isQuery === true ? "read" : "write";
        expect(app.operations, name).toEqual([{ name, audience, access, ...about }]);
      }
    });
  }
});
