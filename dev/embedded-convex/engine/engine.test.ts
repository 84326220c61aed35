/** Calling functions of the fixture app: results, errors, environments, components, HTTP. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, openNotesApp, valueOf } from "./test-engine.js";
import type { Commit, Engine } from "./types.js";

let engine: Engine;
const logged: string[] = [];

beforeAll(async () => {
  engine = await openNotesApp({ env: { SECRET: "s3cret", PLAIN: "p" }, log: (line) => logged.push(line) });
});
afterAll(async () => {
  await engine.close();
});

describe("calls", () => {
  it("runs mutations and queries", async () => {
    await valueOf(engine, "notes:add", { author: "ann", text: "hello" });
    expect(await valueOf(engine, "notes:list", { author: "ann" })).toEqual(["hello"]);
  });

  it("tells subscribers which queries a commit concerns", async () => {
    const commits: Commit[] = [];
    const stop = engine.onCommit((commit) => commits.push(commit));
    const before = await call(engine, "notes:list", { author: "bea" });
    const other = await call(engine, "tallies:surroundings", { red: true });
    const write = await call(engine, "notes:add", { author: "bea", text: "x" });
    stop();
    expect(commits).toHaveLength(1);
    const [commit] = commits;
    expect(commit!.ts).toBe(write.ts);
    expect(before.ts).toBeLessThan(write.ts);
    expect(engine.isAffected(before.readSet, commit!)).toBe(true);
    expect(engine.isAffected(other.readSet, commit!)).toBe(false);
  });

  it("keeps internal functions and components from clients", async () => {
    const asClient = await call(engine, "notes:addInternally", { author: "x", text: "y" });
    expect(asClient).toMatchObject({ success: false });
    expect(asClient).toMatchObject({
      errorMessage: expect.stringContaining("Could not find public function") as string,
    });
    expect(await call(engine, "lib:increment", {}, { componentPath: "redTally" })).toMatchObject({ success: false });
    const asAdmin = await call(engine, "notes:addInternally", { author: "x", text: "y" }, { allowInternal: true });
    expect(asAdmin).toMatchObject({ success: true, kind: "mutation" });
  });

  it("refuses a function of another kind, and one that does not exist", async () => {
    const result = await call(engine, "notes:list", { author: "x" }, { kind: "mutation" });
    expect(result).toMatchObject({
      success: false,
      errorMessage: expect.stringContaining("defined as query") as string,
    });
    expect(await call(engine, "nowhere:at", {})).toMatchObject({ success: false });
  });

  it("describes its functions", () => {
    const description = engine
      .functions()
      .find(({ path, componentPath }) => path === "notes:add" && componentPath === "");
    expect(description).toMatchObject({
      kind: "mutation",
      isPublic: true,
      returns: { type: "id", tableName: "notes" },
    });
  });
});

describe("failures", () => {
  it("reports an error with its place, and what was logged before it", async () => {
    const result = await call(engine, "notes:addThenThrow", { author: "carl" });
    expect(result).toMatchObject({
      success: false,
      errorMessage: expect.stringMatching(/^Uncaught Error: it broke\n {4}at /) as string,
      logLines: ["[LOG] 'about to fail' { author: 'carl' }"],
    });
    expect(logged).toContain("[CONVEX M(notes:addThenThrow)] [LOG] 'about to fail' { author: 'carl' }");
    expect(await valueOf(engine, "notes:list", { author: "carl" })).toEqual([]);
  });

  it("hands a ConvexError's data to the client", async () => {
    const result = await call(engine, "notes:addThenRefuse", { author: "dora" });
    expect(result).toMatchObject({
      success: false,
      errorData: { kind: "refused", limit: { $integer: "AwAAAAAAAAA=" } },
    });
    expect(await valueOf(engine, "notes:list", { author: "dora" })).toEqual([]);
  });

  it("writes nothing when the result is not what the function declares", async () => {
    const result = await call(engine, "notes:addThenReturnNonsense", { author: "emil" });
    expect(result).toMatchObject({
      success: false,
      errorMessage: expect.stringContaining("Return value validation failed") as string,
    });
    expect(await valueOf(engine, "notes:list", { author: "emil" })).toEqual([]);
  });

  it("undoes a failed nested mutation only", async () => {
    expect(await valueOf(engine, "notes:addAndSurviveNestedFailure", { author: "fred" })).toContain("it broke");
    expect(await valueOf(engine, "notes:list", { author: "fred" })).toEqual(["kept"]);
  });

  it("refuses arguments that do not fit", async () => {
    expect(await call(engine, "notes:add", { author: 1 })).toMatchObject({ success: false });
    expect(await call(engine, "notes:add", [1])).toMatchObject({ success: false });
  });
});

describe("environments", () => {
  it("shows the app its deployment's variables and none of the host's", async () => {
    expect(process.env["PATH"]).toBeDefined();
    expect(await valueOf(engine, "notes:environment")).toEqual({
      SECRET: "s3cret",
      PLAIN: "p",
      CONVEX_CLOUD_URL: "http://cloud.test",
      CONVEX_SITE_URL: "http://site.test",
    });
  });

  it("shows a component what its parent passes, by value and by reference, to each instance its own", async () => {
    const builtIn = { CONVEX_CLOUD_URL: "http://cloud.test", CONVEX_SITE_URL: "http://site.test" };
    expect(await valueOf(engine, "tallies:increment", { red: true })).toBe(1);
    expect(await valueOf(engine, "tallies:increment", { red: true })).toBe(2);
    const red = { ...builtIn, LABEL: "red", TOKEN: "s3cret" };
    expect(await valueOf(engine, "tallies:surroundings", { red: true })).toEqual({
      env: red,
      envInHandler: red,
      callsOfThisInstance: 2,
      identity: null,
    });
    const blue = { ...builtIn, LABEL: "blue" };
    expect(await valueOf(engine, "tallies:surroundings", { red: false })).toMatchObject({
      env: blue,
      callsOfThisInstance: 0,
    });
  });

  it("applies a changed variable to the next call, and to subscriptions", async () => {
    const commits: Commit[] = [];
    const stop = engine.onCommit((commit) => commits.push(commit));
    const query = await call(engine, "notes:environment");
    await engine.env.set("PLAIN", "q");
    await engine.env.set("SECRET", undefined);
    stop();
    expect(engine.env.list()).toEqual({ PLAIN: "q" });
    expect(engine.isAffected(query.readSet, commits[0]!)).toBe(true);
    expect(await valueOf(engine, "notes:environment")).toMatchObject({ PLAIN: "q" });
    expect(await valueOf(engine, "tallies:surroundings", { red: true })).not.toHaveProperty("env.TOKEN");
  });
});

describe("identity", () => {
  it("reaches the app's functions but not a component's", async () => {
    const identity = { tokenIdentifier: "https://i|ann", issuer: "https://i", subject: "ann", name: "Ann" };
    expect(await valueOf(engine, "notes:whoAmI", {}, { identity })).toMatchObject({ subject: "ann", name: "Ann" });
    expect(await valueOf(engine, "notes:whoAmI")).toBeNull();
    expect(await valueOf(engine, "tallies:surroundings", { red: true }, { identity })).toMatchObject({
      identity: null,
    });
  });
});

describe("HTTP actions", () => {
  it("sees the real request and the caller, and reaches the database", async () => {
    const request = new Request("http://site.test:3211/echo?x=1", {
      method: "POST",
      body: "hi",
      headers: { "x-test": "t" },
    });
    const identity = { tokenIdentifier: "i|ann", issuer: "i", subject: "ann", name: "Ann" };
    const response = await engine.fetchHttpAction(request, identity);
    expect(await response?.json()).toEqual({
      url: "http://site.test:3211/echo?x=1",
      text: "hi",
      header: "t",
      who: "Ann",
    });
    expect(await valueOf(engine, "notes:list", { author: "http" })).toEqual(["hi"]);
  });

  it("routes by prefix, to mounted components, and nowhere", async () => {
    const text = async (path: string) =>
      await (await engine.fetchHttpAction(new Request(`http://site.test${path}`)))?.text();
    expect(await text("/files/a/b")).toBe("files");
    expect(await text("/red/label")).toBe("red http://site.test/red/label");
    expect(await text("/blue/label")).toBeUndefined();
    expect(await text("/label")).toBeUndefined();
  });

  it("streams a response whose pieces are made while it is read", async () => {
    await valueOf(engine, "notes:add", { author: "stream", text: "x" });
    const response = await engine.fetchHttpAction(new Request("http://site.test/stream"));
    expect(await response?.text()).toBe("1:1 2:1 3:1 ");
  });

  it("answers 500 when the handler returns no response", async () => {
    const response = await engine.fetchHttpAction(new Request("http://site.test/nothing"));
    expect(response?.status).toBe(500);
  });

  it("answers 500 when the handler throws", async () => {
    const response = await engine.fetchHttpAction(new Request("http://site.test/broken"));
    expect(response?.status).toBe(500);
    expect(await response?.json()).toMatchObject({ trace: expect.stringContaining("broken route") as string });
  });
});
