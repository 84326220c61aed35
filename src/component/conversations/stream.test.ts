import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ToolCall } from "../../shared/payload.js";
import {
  bindUser,
  enqueue,
  expectRefused,
  inComponent,
  lib,
  passTime,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { mergeToolCalls } from "./stream.js";

async function running(t: Harness) {
  const conversationId = await bindUser(t, "ada");
  const worker = await startWorker(t);
  await enqueue(t, conversationId);
  return { worker, conversationId, claimed: await worker.mustClaim() };
}

async function liveTurn(t: Harness) {
  const view = await t.action(
    async (ctx) => await ctx.runQuery(lib.getConversationViewForUserAgent, { consumerUserId: "ada", agentKey: "a" }),
  );
  return view.liveTurn;
}

async function chunks(t: Harness) {
  return await inComponent(t, async (ctx) => await ctx.db.query("turnChunks").collect());
}

const tool = (callId: string, status: ToolCall["status"] = "running"): ToolCall => ({
  callId,
  toolName: "search",
  status,
});

/** What a worker sends that repeats itself at will: positions in the text, in any order. */
const streams = fc.string({ unit: "grapheme", minLength: 1, maxLength: 400 }).chain((text) =>
  fc.record({
    text: fc.constant(text),
    deltas: fc.array(fc.tuple(fc.nat(text.length), fc.nat(text.length)), { maxLength: 40 }),
  }),
);

describe("a streamed answer", () => {
  useFakeClock();

  it("is exactly what was sent, whatever was repeated, split or refused", async () => {
    await fc.assert(
      fc.asyncProperty(streams, async ({ text, deltas }) => {
        const t = await startWithAgent();
        const { worker, claimed } = await running(t);
        let length = 0;
        for (const [one, other] of deltas) {
          const [from, to] = [Math.min(one, other), Math.max(one, other)];
          const call = worker.stream(claimed, from, text.slice(from, to));
          if (from > length) {
            await expect(call).rejects.toMatchObject({ data: { kind: "output_gap" } });
          } else {
            length = Math.max(length, to);
            expect(await call).toEqual({ length });
          }
          expect((await liveTurn(t))?.text).toBe(text.slice(0, length));
        }
        expect(await worker.stream(claimed, length, text.slice(length))).toEqual({ length: text.length });
        expect((await liveTurn(t))?.text).toBe(text);
      }),
      { numRuns: 40 },
    );
  });

  it("is kept in rows of bounded size", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const piece = "0123456789".repeat(300);
    for (let index = 0; index < 30; index++) await worker.stream(claimed, index * piece.length, piece);
    const rows = await chunks(t);
    expect(rows.length).toBeGreaterThan(5);
    for (const { text } of rows) expect(text.length).toBeLessThan(8 * 1024 + piece.length);
    expect(rows.map(({ text }) => text).join("")).toBe(piece.repeat(30));
    expect((await liveTurn(t))?.text).toBe(piece.repeat(30));
  });

  it("says where to go on after a gap", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await worker.stream(claimed, 0, "hello");
    const message = await expectRefused(t, "output_gap", async () => worker.stream(claimed, 7, "x"));
    expect(message).toMatch(/Characters 5 to 7.*offset 5/);
  });

  it("takes no offset that is not a position", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await worker.stream(claimed, 0, "hello");
    for (const offset of [-1, 0.5, NaN, Infinity]) {
      await expectRefused(t, "invalid_argument", async () => worker.stream(claimed, offset, "abc"));
    }
    expect((await liveTurn(t))?.text).toBe("hello");
  });

  it("is bounded: one delta, one turn, and what a tool call may be called", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    const largest = "x".repeat(16 * 1024);
    await expectRefused(t, "output_too_large", async () => worker.stream(claimed, 0, `${largest}x`));
    await expectRefused(t, "output_too_large", async () =>
      worker.stream(
        claimed,
        0,
        "",
        Array.from({ length: 65 }, (_, index) => tool(`t${index}`)),
      ),
    );
    await expectRefused(t, "invalid_argument", async () => worker.stream(claimed, 0, "", [tool("t".repeat(257))]));
    await expectRefused(t, "invalid_argument", async () =>
      worker.stream(claimed, 0, "", [{ ...tool("t"), toolName: " " }]),
    );
    for (let index = 0; index < 32; index++) await worker.stream(claimed, index * largest.length, largest);
    await expectRefused(t, "output_too_large", async () => worker.stream(claimed, 32 * largest.length, "x"));
    expect((await liveTurn(t))?.text.length).toBe(512 * 1024);
    expect((await chunks(t)).length).toBeLessThanOrEqual(65);
    expect(await worker.complete(claimed)).toBe(true);
  });

  it("writes nothing for a repeated delta", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await worker.stream(claimed, 0, "hello");
    const before = await snapshotOfAllTables(t);
    await worker.stream(claimed, 0, "hello");
    await worker.stream(claimed, 2, "llo");
    await worker.stream(claimed, 5, "");
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });

  it("shows tool calls in their newest state, also those of long ago", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await worker.stream(claimed, 0, "x".repeat(9_000), [tool("one"), tool("two")]);
    await worker.stream(claimed, 9_000, "y", [tool("one", "done")]);
    expect((await liveTurn(t))?.toolCalls).toEqual([tool("one", "done"), tool("two")]);
  });
});

describe("tool calls that are merged", () => {
  it("keep their order, take the newest state, and only the newest are kept", () => {
    expect(mergeToolCalls([tool("a"), tool("b")], [tool("b", "done"), tool("c")])).toEqual([
      tool("a"),
      tool("b", "done"),
      tool("c"),
    ]);
    const many = Array.from({ length: 100 }, (_, index) => tool(`t${index}`));
    expect(mergeToolCalls([], many)).toEqual(many.slice(-64));
  });
});

describe("the stream of a turn that has ended", () => {
  useFakeClock();

  for (const ending of ["complete", "fail", "release"] as const) {
    it(`is removed soon after ${ending}`, async () => {
      const t = await startWithAgent();
      const { worker, claimed } = await running(t);
      await worker.stream(claimed, 0, "half an ans");
      await worker[ending](claimed);
      expect(await liveTurn(t)).toBeNull();
      await runScheduled(t);
      expect(await chunks(t)).toEqual([]);
    });
  }

  it("is removed after its worker was lost", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await worker.stream(claimed, 0, "half an ans");
    passTime(45_000);
    await sweep(t);
    await runScheduled(t);
    expect(await chunks(t)).toEqual([]);
  });

  it("is removed in as many transactions as it takes", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await inComponent(t, async (ctx) => {
      const turn = { messageId: claimed.messageId, generation: claimed.generation };
      for (let index = 0; index < 30; index++) {
        await ctx.db.insert("turnChunks", { ...turn, index, offset: 0, text: "x".repeat(400_000), tools: [] });
      }
    });
    await worker.complete(claimed);
    await runScheduled(t);
    expect(await chunks(t)).toEqual([]);
  });

  it("is never that of the next attempt, which may begin before the removal does", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await worker.stream(claimed, 0, "first try");
    await worker.release(claimed);
    const again = await worker.mustClaim();
    await worker.stream(again, 0, "second");
    await runScheduled(t);
    expect((await chunks(t)).map(({ text }) => text)).toEqual(["second"]);
    expect(await worker.stream(again, 6, " try")).toEqual({ length: 10 });
  });

  it("does not show through in the next attempt", async () => {
    const t = await startWithAgent();
    const { worker, claimed } = await running(t);
    await worker.stream(claimed, 0, "first try", [tool("one")]);
    await worker.release(claimed);
    expect(await liveTurn(t)).toBeNull();
    await worker.mustClaim();
    expect(await liveTurn(t)).toMatchObject({ text: "", toolCalls: [], attempt: 1 });
  });
});
