/** However output is cut up and whatever is lost on the way, the backend ends up with exactly the text. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { agentFactoryError } from "../../src/shared/errors.js";
import type { ToolCall } from "../../src/shared/payload.js";
import { MAX_DELTA_CHARACTERS, MAX_REPLY_CHARACTERS } from "../../src/shared/worker-protocol.js";
import { BackendUnavailable } from "./backend/errors.js";
import { DeltaStream, type Delta } from "./delta-stream.js";
import { monotonicMs, sleep } from "./timing.js";

/** What the backend does with deltas: skips what it has, refuses gaps. */
class Receiver {
  text = "";
  readonly tools: ToolCall[] = [];
  readonly calls: Delta[] = [];
  inFlight = 0;

  receive(delta: Delta): number {
    this.calls.push(delta);
    if (delta.offset > this.text.length) throw agentFactoryError("output_gap", "Characters are missing.");
    this.text += delta.text.slice(this.text.length - delta.offset);
    this.tools.push(...delta.tools);
    return this.text.length;
  }
}

/** Repeats until there is an answer, as the session does; `faults` say whether request or answer gets lost. */
function lossy(receiver: Receiver, faults: ("before" | "after" | "none")[]) {
  return async (delta: Delta): Promise<number> => {
    for (;;) {
      const fault = faults.shift() ?? "none";
      expect(++receiver.inFlight).toBe(1);
      await sleep(0);
      receiver.inFlight--;
      try {
        if (fault === "before") throw new BackendUnavailable("lost");
        const length = receiver.receive(delta);
        if (fault === "after") throw new BackendUnavailable("lost");
        return length;
      } catch (error) {
        if (!(error instanceof BackendUnavailable)) throw error;
      }
    }
  };
}

const never = new AbortController().signal;

describe("DeltaStream", () => {
  it("delivers exactly the text for any chunking and any lost requests and answers", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string({ unit: "binary", maxLength: 20 }), fc.boolean()), { maxLength: 20 }),
        fc.array(fc.constantFrom("before", "after", "none"), { maxLength: 30 }),
        async (chunks, faults) => {
          const receiver = new Receiver();
          const stream = new DeltaStream(lossy(receiver, faults), never, 0);
          for (const [chunk, pause] of chunks) {
            // Cut into code units, so that characters are split between pieces.
            for (const unit of chunk.split("")) stream.push(unit);
            if (pause) await sleep(0);
          }
          await stream.finish();
          const whole = chunks.map(([chunk]) => chunk).join("");
          expect(receiver.text).toBe(whole);
          expect(stream.reply).toBe(whole);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("begins again after a gap and goes on where the backend is", async () => {
    const receiver = new Receiver();
    let forget = false;
    const stream = new DeltaStream(
      async (delta) => {
        if (forget && delta.offset > 0) {
          forget = false;
          receiver.text = receiver.text.slice(0, 3);
        }
        return receiver.receive(delta);
      },
      never,
      0,
    );
    stream.push("hello ");
    while (receiver.text !== "hello ") await sleep(1);
    forget = true;
    stream.push("world");
    await stream.finish();
    expect(receiver.text).toBe("hello world");
  });

  it("repeats after a gap no more than it must", async () => {
    const receiver = new Receiver();
    let forget = true;
    const stream = new DeltaStream(
      async (delta) => {
        if (forget && delta.offset >= 2 * MAX_DELTA_CHARACTERS) {
          forget = false;
          receiver.text = receiver.text.slice(0, MAX_DELTA_CHARACTERS + 10);
        }
        return receiver.receive(delta);
      },
      never,
      0,
    );
    stream.push("x".repeat(3 * MAX_DELTA_CHARACTERS));
    await stream.finish();
    expect(receiver.text).toBe("x".repeat(3 * MAX_DELTA_CHARACTERS));
    expect(receiver.calls.map(({ offset }) => offset)).toEqual([
      0,
      MAX_DELTA_CHARACTERS,
      2 * MAX_DELTA_CHARACTERS,
      0,
      MAX_DELTA_CHARACTERS + 10,
      2 * MAX_DELTA_CHARACTERS + 10,
    ]);
  });

  it("gives up when gaps never end", async () => {
    const stream = new DeltaStream(() => Promise.reject(agentFactoryError("output_gap", "gap")), never, 0);
    stream.push("x");
    await expect(stream.finish()).rejects.toThrow("gap");
  });

  it("splits what is longer than one delta, never inside a character", async () => {
    const receiver = new Receiver();
    const stream = new DeltaStream(lossy(receiver, []), never, 0);
    const text = "x" + "😀".repeat(MAX_DELTA_CHARACTERS);
    stream.push(text);
    await stream.finish();
    expect(receiver.text).toBe(text);
    for (const { text: part } of receiver.calls) {
      expect(part.length).toBeLessThanOrEqual(MAX_DELTA_CHARACTERS);
      expect(part).not.toMatch(/[\ud800-\udbff]$/);
    }
  });

  it("replaces halves of characters that stay halves", async () => {
    const receiver = new Receiver();
    const stream = new DeltaStream(lossy(receiver, []), never, 0);
    for (const piece of ["a\ud83d", "b\ude00c", "\ud83d", "\ude00", "\ud83d"]) stream.push(piece);
    await stream.finish();
    expect(receiver.text).toBe("a\ufffdb\ufffdc😀\ufffd");
    expect(stream.reply).toBe(receiver.text);
  });

  it("cuts a reply that is too long, and says so at its end", async () => {
    const receiver = new Receiver();
    const stream = new DeltaStream(lossy(receiver, []), never, 0);
    for (let index = 0; index < 20; index++) {
      stream.push("😀".repeat(MAX_REPLY_CHARACTERS / 20));
      await sleep(0);
    }
    stream.push("lost");
    await stream.finish();
    expect(receiver.text).toBe(stream.reply);
    expect(receiver.text.length).toBeLessThanOrEqual(MAX_REPLY_CHARACTERS);
    expect(receiver.text).toMatch(/😀\n\n\[The reply was cut here: .*\]$/);
  });

  it("makes few calls, however many pieces there are", async () => {
    const receiver = new Receiver();
    const stream = new DeltaStream(lossy(receiver, []), never, 100);
    const startedAt = monotonicMs();
    for (let index = 0; index < 300; index++) {
      stream.push("word ");
      await sleep(1);
    }
    await stream.finish();
    expect(receiver.text).toBe("word ".repeat(300));
    expect(receiver.calls.length).toBeLessThanOrEqual(Math.ceil((monotonicMs() - startedAt) / 100) + 1);
  });

  it("never makes more than five calls in five intervals, and does not wait at the end of a short reply", async () => {
    const times: number[] = [];
    const send = async ({ offset, text }: Delta) => {
      times.push(monotonicMs());
      return offset + text.length;
    };
    const short = new DeltaStream(send, never, 5_000);
    short.push("a");
    await sleep(5);
    short.push("b");
    const startedAt = monotonicMs();
    await short.finish();
    expect(monotonicMs() - startedAt).toBeLessThan(4_000);
    expect(times).toHaveLength(2);

    times.length = 0;
    const long = new DeltaStream(send, never, 40);
    for (let index = 0; index < 100; index++) {
      long.push("x");
      await sleep(3);
    }
    long.push("x".repeat(4 * MAX_DELTA_CHARACTERS));
    await long.finish();
    expect(times.length).toBeGreaterThan(6);
    for (const [index, time] of times.slice(5).entries())
      expect(time - (times[index] ?? 0)).toBeGreaterThan(5 * 40 - 5);
  });

  it("sends the last state of each tool call, in the order they changed", async () => {
    const receiver = new Receiver();
    const stream = new DeltaStream(lossy(receiver, ["after", "before"]), never, 20);
    const call = (callId: string, status: ToolCall["status"]): ToolCall => ({ toolName: "write", callId, status });
    stream.tool(call("1", "running"));
    await sleep(1);
    for (const state of [call("2", "running"), call("1", "done"), call("2", "failed")]) stream.tool(state);
    await stream.finish();
    expect(new Map(receiver.tools.map(({ callId, status }) => [callId, status]))).toEqual(
      new Map([
        ["1", "done"],
        ["2", "failed"],
      ]),
    );
    const many = new DeltaStream(lossy(receiver, []), never, 0);
    for (let index = 0; index < 100; index++) many.tool(call(`many-${index}`, "done"));
    await many.finish();
    expect(new Set(receiver.tools.map(({ callId }) => callId)).size).toBe(102);
    expect(Math.max(...receiver.calls.map(({ tools }) => tools.length))).toBeLessThanOrEqual(32);
  });

  it("stops at once when told to, and passes on what ended it", async () => {
    const abort = new AbortController();
    const aborted = new DeltaStream(async () => 0, abort.signal, 60_000);
    aborted.push("one");
    await sleep(5);
    aborted.push("two");
    abort.abort();
    await aborted.finish();

    const lost = new DeltaStream(() => Promise.reject(agentFactoryError("lease_lost", "lost")), never, 0);
    lost.push("x");
    await expect(lost.finish()).rejects.toMatchObject({ data: { kind: "lease_lost" } });
  });
});
