import { afterEach, expect, it } from "vitest";
import { openLeanNotesApp, textOf, valueOf } from "./test-engine.js";
import type { EmbeddedEngine } from "./types.js";

let engine: EmbeddedEngine;
afterEach(async () => {
  await engine.close();
});

it("tells what a call would read and write, and leaves everything as it was", async () => {
  engine = await openLeanNotesApp();
  const id = await textOf(engine, "notes:add", { author: "ada", text: "first" });
  const edit = await engine.rehearse("", "notes:edit", { id, text: "second" });
  const list = await engine.rehearse("", "notes:list", { author: "ada" });
  const listOfOthers = await engine.rehearse("", "notes:list", { author: "bob" });
  const commit = { ts: 0n, writes: edit.writes };
  expect(engine.isAffected(list.readSet, commit)).toBe(true);
  expect(engine.isAffected(listOfOthers.readSet, commit)).toBe(false);
  expect(list.writes.size).toBe(0);
  expect(await valueOf(engine, "notes:list", { author: "ada" })).toEqual(["first"]);
  expect(engine.diagnostics().openTransactionLayers).toBe(0);
});

it("fails as the call fails", async () => {
  engine = await openLeanNotesApp();
  await expect(engine.rehearse("", "notes:missing", {})).rejects.toThrow(/no query or mutation/);
  await expect(engine.rehearse("", "notes:edit", { id: "nothing", text: "x" })).rejects.toThrow();
});
