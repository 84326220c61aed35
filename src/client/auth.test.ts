/** What counts as an answer of the app's `auth`, which may be plain JavaScript, unfinished, or broken. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isAgentFactoryError } from "../shared/errors.js";
import { requireAdmin, requireOwner, type Authenticate, type AuthCtx } from "./auth.js";

const ctx: AuthCtx = { auth: { getUserIdentity: async () => null } };
const about = { name: "x", access: "read" as const, consumerUserId: "ada" };

const BOXED_TRUE: unknown = Object(true);

/** As an app in JavaScript may write it. */
const answering = (answer: unknown): Authenticate => (() => answer) as Authenticate;

const kindOf = (error: unknown) => (isAgentFactoryError(error) ? error.data.kind : error);
const asAdmin = async (auth: Authenticate) => await requireAdmin(auth, ctx, about).catch(kindOf);
const asOwner = async (auth: Authenticate) => await requireOwner(auth, ctx, about).catch(kindOf);

describe("auth", () => {
  const nobody: [string, unknown][] = [
    ["nothing", undefined],
    ["null", null],
    ["false", false],
    ["a name by itself", "ada"],
    ["a list", ["ada", true]],
    ["an empty object", {}],
    ["an administrator without a name", { isAdmin: true }],
    ["an empty name", { userId: "", isAdmin: true }],
    ["a number for a name", { userId: 0, isAdmin: true }],
    ["a name that only looks like text", { userId: Object("ada") as unknown, isAdmin: true }],
    ["a list of names", { userId: ["ada"], isAdmin: true }],
    ["a function", () => ({ userId: "ada", isAdmin: true })],
  ];
  for (const [what, answer] of nobody) {
    it(`that answers ${what} lets nobody through`, async () => {
      for (const auth of [answering(answer), answering(Promise.resolve(answer))]) {
        expect([await asAdmin(auth), await asOwner(auth)]).toEqual(["unauthorized", "unauthorized"]);
      }
    });
  }

  const broken: [string, unknown][] = [
    ["is missing", undefined],
    ["is no function", { userId: "ada", isAdmin: true }],
    [
      "throws",
      () => {
        throw new Error("postgres://root:hunter2@db is down");
      },
    ],
    ["is rejected", () => Promise.reject(new Error("hunter2"))],
    ["throws what is no error", async () => Promise.reject(Object.assign(new Error(), { name: "hunter2" }))],
    [
      "answers with something that cannot be read",
      () => ({
        get userId() {
          throw new Error("hunter2");
        },
      }),
    ],
  ];
  for (const [what, auth] of broken) {
    it(`that ${what} lets nobody through, and does not say why`, async () => {
      const error = await requireAdmin(auth as Authenticate, ctx, about).catch((thrown: unknown) => thrown);
      expect(kindOf(error)).toBe("unauthorized");
      expect(String(error) + JSON.stringify(error)).not.toContain("hunter2");
      expect(await asOwner(auth as Authenticate)).toBe("unauthorized");
    });
  }

  it("makes an administrator by the value true and by no other", async () => {
    for (const isAdmin of [undefined, null, 0, 1, "true", "false", [], {}, [true], BOXED_TRUE]) {
      const auth = answering({ userId: "eve", isAdmin });
      expect([await asAdmin(auth), await asOwner(auth)]).toEqual(["forbidden", "forbidden"]);
      expect(await asOwner(answering({ userId: "ada", isAdmin }))).toEqual({ userId: "ada", isAdmin: false });
    }
    expect(await asAdmin(answering({ userId: "root", isAdmin: true }))).toEqual({ userId: "root", isAdmin: true });
  });

  it("names a user exactly: what differs in case, in blanks or in its form of writing is somebody else", async () => {
    for (const userId of ["Ada", "ada ", " ada", "ada\0", "ad\u0430", "a", "adaa"]) {
      expect(await asOwner(answering({ userId, isAdmin: false }))).toBe("forbidden");
    }
    const [composed, decomposed] = ["\u00e9", "e\u0301"];
    const auth = answering({ userId: composed, isAdmin: false });
    expect(await requireOwner(auth, ctx, { ...about, consumerUserId: decomposed }).catch(kindOf)).toBe("forbidden");
  });

  it("cannot change its mind, nor what is asked, after it was asked", async () => {
    const names = ["ada", "eve", "eve"];
    const fickle = answering({
      get userId() {
        return names.shift();
      },
      isAdmin: false,
    });
    expect(await requireOwner(fickle, ctx, about)).toEqual({ userId: "ada", isAdmin: false });
    const meddling: Authenticate = (_ctx, operation) => {
      operation.consumerUserId = "eve";
      return { userId: "eve", isAdmin: false };
    };
    expect(await asOwner(meddling)).toBe("forbidden");
  });

  describe("that never answers", () => {
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => void vi.useRealTimers());

    it("lets nobody through, however long one waits", async () => {
      const outcomes: unknown[] = [];
      const note = (outcome: unknown) => outcomes.push(outcome);
      const never = answering(new Promise(() => {}));
      requireAdmin(never, ctx, about).then(note, note);
      requireOwner(never, ctx, about).then(note, note);
      await vi.advanceTimersByTimeAsync(60 * 60_000);
      expect(outcomes).toEqual([]);
    });
  });
});
