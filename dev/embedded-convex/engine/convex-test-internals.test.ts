/** That the private state which the engine builds on is still there, and that its absence is noticed. */
import { describe, expect, it } from "vitest";
import { checkDatabase, checkVersion, databaseOf, openConvexTest } from "./convex-test-internals.js";

describe("convex-test's internals", () => {
  it("are where they were", async () => {
    const internals = await openConvexTest(null, { "./_generated/api.js": async () => ({}) });
    expect(() => checkDatabase(databaseOf(internals, ""))).not.toThrow();
    expect(() => databaseOf(internals, "nowhere")).toThrow('no component "nowhere"');
  });

  it("are refused in any other version, with what to do about it", () => {
    const message = /needs convex-test 0\.0\.60 exactly.*but 0\.0\.61 is installed.*Install convex-test@0\.0\.60/s;
    expect(() => checkVersion({ version: "0.0.61" }, "/somewhere/package.json")).toThrow(message);
    expect(() => checkVersion(null, "/somewhere/package.json")).toThrow("an unknown version");
  });

  it.each(["_iterateDocs", "_resolveQuerySource", "_addWrite", "paginate"])(
    "are missed when %s is gone",
    async (name) => {
      const db = databaseOf(await openConvexTest(null, { "./_generated/api.js": async () => ({}) }), "");
      Object.defineProperty(db, name, { value: undefined });
      expect(() => checkDatabase(db)).toThrow(`its database has no ${name}()`);
    },
  );
});
