/** Functions that misbehave, and what they cannot do to the backend, to each other, and to the host. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { call, openLeanNotesApp, openNotesApp, valueOf } from "./test-engine.js";
import type { EmbeddedEngine } from "./types.js";

let engine: EmbeddedEngine;
beforeAll(async () => {
  engine = await openNotesApp({ env: { PLAIN: "p" } });
});
afterAll(async () => {
  await engine.close();
});

const notes = async (author: string) => await valueOf(engine, "notes:list", { author });
const failure = (text: string) => ({ success: false, errorMessage: expect.stringContaining(text) as string });

describe("transactions", () => {
  it("keeps writes that nobody awaited out of other transactions", async () => {
    await Promise.all([
      valueOf(engine, "misbehaving:insertWithoutAwaiting", { author: "a" }),
      ...[1, 2, 3].map(() => call(engine, "jobs:slow", { turns: 300, fail: false })),
      valueOf(engine, "notes:add", { author: "b", text: "other" }),
    ]);
    expect(await notes("a")).toEqual(["awaited"]);
    expect(await notes("b")).toEqual(["other"]);
    expect(engine.diagnostics()).toMatchObject({ openQueries: 0, openTransactionLayers: 0 });
  });

  it("keeps a nested call that nobody awaited from taking its caller along", async () => {
    await valueOf(engine, "misbehaving:callWithoutAwaiting", { author: "c" });
    await valueOf(engine, "notes:add", { author: "c", text: "next" });
    expect(await notes("c")).toEqual(["awaited", "next"]);
    expect(engine.diagnostics()).toMatchObject({ openQueries: 0, openTransactionLayers: 0 });
  });

  it("ends a mutation that waits for ever, and lets the others go on", async () => {
    const impatient = await openLeanNotesApp({ transactionTimeoutMs: 2_000 });
    try {
      const [stuck, added] = await Promise.all([
        call(impatient, "misbehaving:waitForever", { author: "d" }),
        call(impatient, "notes:add", { author: "e", text: "waited" }),
      ]);
      expect(stuck).toMatchObject(failure("timed out"));
      expect(added).toMatchObject({ success: true });
      // What it was waiting for comes after all, while another transaction is open.
      await Promise.all([
        valueOf(impatient, "misbehaving:release"),
        valueOf(impatient, "jobs:slow", { turns: 30, fail: false }),
        valueOf(impatient, "notes:add", { author: "e", text: "after" }),
      ]);
      expect(await valueOf(impatient, "notes:list", { author: "d" })).toEqual([]);
      expect(await valueOf(impatient, "notes:list", { author: "e" })).toEqual(["waited", "after"]);
    } finally {
      await impatient.close();
    }
  });

  it("runs many callers one after another, in their order", async () => {
    const numbers = Array.from({ length: 300 }, (_, at) => at);
    await Promise.all(numbers.map((rank) => valueOf(engine, "notes:add", { author: "crowd", text: "t", rank })));
    const ranks = engine
      .readTable("", "notes", { limit: 10_000, order: "asc" })
      .flatMap((note) => ((note as { author: string }).author === "crowd" ? [(note as { rank: number }).rank] : []));
    expect(ranks).toEqual(numbers);
  });

  it("holds on to nothing, however many calls there were", async () => {
    for (let turn = 0; turn < 300; turn += 1) {
      await valueOf(engine, "notes:list", { author: "a" });
      await call(engine, "notes:addThenThrow", { author: "a" });
      if (turn % 30 === 0) await call(engine, "misbehaving:insertLarge", { bytes: 2 << 20 });
    }
    await vi.waitFor(() => expect(engine.diagnostics()).toMatchObject({ openQueries: 0, openTransactionLayers: 0 }));
  });
});

describe("limits on values", () => {
  it("refuses a document of more than 1 MiB", async () => {
    expect(await call(engine, "misbehaving:insertLarge", { bytes: 1 << 20 })).toMatchObject(failure("too large"));
    expect(await call(engine, "misbehaving:insertLarge", { bytes: 1_000_000 })).toMatchObject({ success: true });
  });

  it("logs once what a function logs, also when the log goes to the console", async () => {
    const printed: unknown[] = [];
    const spy = vi.spyOn(console, "log").mockImplementation((line: unknown) => printed.push(line));
    const talkative = await openLeanNotesApp({ log: (line) => console.log(line) });
    try {
      const { logLines } = await call(talkative, "notes:addThenThrow", { author: "x" });
      expect(logLines).toHaveLength(1);
      expect(printed.filter((line) => String(line).includes("about to fail"))).toHaveLength(1);
    } finally {
      spy.mockRestore();
      await talkative.close();
    }
  });

  it("cuts off a log that never ends", async () => {
    const { logLines } = await call(engine, "misbehaving:logTooMuch");
    expect(logLines).toHaveLength(257);
    expect(logLines.at(-1)).toContain("omitted");
  });
});

describe("components", () => {
  it("keeps a component's internal functions to itself", async () => {
    const fromMutation = await call(engine, "misbehaving:callInternalFromMutation", { name: "reset" });
    expect(fromMutation).toMatchObject(failure("is internal"));
    expect(await call(engine, "misbehaving:callInternalFromAction")).toMatchObject(failure("is internal"));
    const missing = await call(engine, "misbehaving:callInternalFromMutation", { name: "missing" });
    expect(missing).toMatchObject(failure('has no function "lib:missing"'));
  });
});

describe("the host", () => {
  it("stays out of sight for Node actions too", async () => {
    const seen = await valueOf(engine, "nodeside:inspectHost");
    const env = { PLAIN: "p", CONVEX_CLOUD_URL: "http://cloud.test", CONVEX_SITE_URL: "http://site.test" };
    expect(seen).toEqual({ hash: 64, imported: env, global: env, platform: process.platform });
  });

  it("keeps its environment from being changed", async () => {
    expect(await call(engine, "misbehaving:writeEnvironment")).toMatchObject(failure("cannot be changed"));
    expect(process.env["PLAIN"]).toBeUndefined();
  });

  it("offers the crypto that Convex has, where it has it", async () => {
    expect(await call(engine, "misbehaving:generateKeyInMutation")).toMatchObject(
      failure("Move this code to an action"),
    );
    expect(await valueOf(engine, "misbehaving:useCrypto")).toEqual({
      type: "secret",
      digestBytes: 32,
      canWrap: false,
      uuid: 36,
    });
  });
});
