/** What a query's subscription depends on, and how pages keep their ends. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JSONValue } from "convex/values";
import { call, openNotesApp, textOf, valueOf } from "./test-engine.js";
import type { CallResult, Commit, EmbeddedEngine } from "./types.js";

let engine: EmbeddedEngine;
beforeAll(async () => {
  engine = await openNotesApp();
});
afterAll(async () => {
  await engine.close();
});

/** Runs a query, then a write, and tells whether the write concerns the query. */
async function isAffected(query: [string, JSONValue], write: () => Promise<unknown>): Promise<boolean> {
  const result = await call(engine, ...query);
  const commits: Commit[] = [];
  const stop = engine.onCommit((commit) => commits.push(commit));
  await write();
  stop();
  return commits.some((commit) => engine.isAffected(result.readSet, commit));
}

const add = (author: string, text = "t") => textOf(engine, "notes:add", { author, text });

describe("subscriptions", () => {
  it("depend on the range of an index that was read", async () => {
    const id = await add("ann");
    const list: [string, JSONValue] = ["notes:list", { author: "ann" }];
    expect(await isAffected(list, () => add("ann"))).toBe(true);
    expect(await isAffected(list, () => add("anna"))).toBe(false);
    expect(await isAffected(list, () => valueOf(engine, "notes:edit", { id, text: "new" }))).toBe(true);
    expect(await isAffected(list, () => valueOf(engine, "notes:remove", { id }))).toBe(true);
    expect(await isAffected(list, () => valueOf(engine, "tallies:increment", { red: true }))).toBe(false);
    expect(await isAffected(["tallies:surroundings", { red: true }], () => add("ann"))).toBe(false);
  });

  it("depend on documents that were read, also while they do not exist", async () => {
    const [a, b] = [await add("x"), await add("x")];
    const get: [string, JSONValue] = ["notes:get", { id: a }];
    expect(await isAffected(get, () => valueOf(engine, "notes:edit", { id: b, text: "new" }))).toBe(false);
    expect(await isAffected(get, () => valueOf(engine, "notes:edit", { id: a, text: "new" }))).toBe(true);
    expect(await isAffected(get, () => valueOf(engine, "notes:remove", { id: a }))).toBe(true);
  });

  it("do not depend on what lies beyond the last document that was looked at", async () => {
    await add("many");
    await add("many");
    const first = ["notes:page", { author: "many", numItems: 1, cursor: null }] satisfies [string, JSONValue];
    expect(await isAffected(first, () => add("many"))).toBe(false);
    const all = ["notes:page", { author: "many", numItems: 10, cursor: null }] satisfies [string, JSONValue];
    expect(await isAffected(all, () => add("many"))).toBe(true);
  });

  it("depend on a file that a URL was made for", async () => {
    const id = await textOf(engine, "files:storeInAction", { text: "x" });
    expect(await isAffected(["files:url", { id }], () => valueOf(engine, "files:remove", { id }))).toBe(true);
  });

  it("are not woken by a failed mutation", async () => {
    expect(
      await isAffected(["notes:list", { author: "z" }], () => call(engine, "notes:addThenThrow", { author: "z" })),
    ).toBe(false);
  });
});

describe("pages", () => {
  const texts = (result: CallResult): unknown => {
    if (!result.success) throw new Error(result.errorMessage);
    const { page, isDone } = result.value as { page: { text: string }[]; isDone: boolean };
    return { texts: page.map(({ text }) => text), isDone };
  };

  it("keep their ends when they run again with their journal", async () => {
    const ids: string[] = [];
    for (const text of ["1", "2", "3", "4"]) ids.push(await add("pages", text));
    const args = { author: "pages", numItems: 2, cursor: null };
    const first = await call(engine, "notes:page", args);
    expect(texts(first)).toEqual({ texts: ["1", "2"], isDone: false });
    const { continueCursor } = (first.success ? first.value : {}) as { continueCursor: string };
    const rest = { ...args, cursor: continueCursor };
    const second = await call(engine, "notes:page", rest);
    expect(texts(second)).toEqual({ texts: ["3", "4"], isDone: true });

    await valueOf(engine, "notes:remove", { id: ids[0]! });
    await add("pages", "5");
    const again = async (journal: string | null, of: typeof args | typeof rest) =>
      texts(await call(engine, "notes:page", of, { journal }));
    // Without its journal the first page would now reach into the second.
    expect(await again(null, args)).toEqual({ texts: ["2", "3"], isDone: false });
    expect(await again(first.journal, args)).toEqual({ texts: ["2"], isDone: false });
    expect(await again(second.journal, rest)).toEqual({ texts: ["3", "4", "5"], isDone: true });
    // Also when the document that the page ended with is gone.
    await valueOf(engine, "notes:remove", { id: ids[1]! });
    expect(await again(first.journal, args)).toEqual({ texts: [], isDone: false });
  });

  it("refuse a cursor that is none", async () => {
    const result = await call(engine, "notes:page", { author: "x", numItems: 1, cursor: "nonsense" });
    expect(result).toMatchObject({ success: false, errorMessage: expect.stringContaining("cursor") as string });
  });
});

describe("auth.config", () => {
  it("is evaluated with the current environment", async () => {
    expect(engine.authProviders()).toEqual([{ domain: "https://nobody.invalid", applicationID: "notes" }]);
    await engine.env.set("ISSUER", "https://issuer.test");
    expect(engine.authProviders()).toEqual([{ domain: "https://issuer.test", applicationID: "notes" }]);
  });
});
