/**
 * Every function of `exposeApi` as people call it who must not, with every id right. Functions are read from what it
 * returns, so that a new one is tried as well.
 */
import { describe, expect, it } from "vitest";
import { snapshotOfAllTables, useFakeClock } from "../component/setup.test-kit.js";
import { AUDIENCES, component } from "./app.test-kit.js";
import type { Caller } from "./auth.js";
import { argsAbout, expectNothingOfHers, expectRefusal, outcomeOf, rowsOfAda, startScene } from "./doors.test-kit.js";
import { exposeApi } from "./expose.js";

const eve: Caller = { userId: "eve", isAdmin: false };

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
      const isRefused = "refused" in outcome;
      if (isRefused)
        expect(await outcomeOf(app, name, argsAbout(fn, known, { ...own, ...nothing })), name).toEqual(outcome);
      await expectNothingOfHers(scene, name, outcome, hers);
    }
  });
});
