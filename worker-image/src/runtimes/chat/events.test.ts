/** Server-sent events, however the network cuts them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventData } from "./events.js";
import { parseRetryAfter } from "./model-failure.js";

async function read(parts: readonly Uint8Array[]): Promise<string[]> {
  async function* bytes() {
    yield* parts;
  }
  const seen: string[] = [];
  for await (const data of eventData(bytes())) seen.push(data);
  return seen;
}

describe("events", () => {
  it("are the same however they are cut and whatever ends their lines", async () => {
    const line = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n]/g, ""));
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.array(fc.nat(50), { minLength: 1 }),
        async (events, end, sizes) => {
          const text = events.map((event) => `: comment${end}data: ${event}${end}${end}`).join("") + "x";
          const bytes = Buffer.from(text);
          const parts: Uint8Array[] = [];
          for (let at = 0, n = 0; at < bytes.length; n++) {
            const size = 1 + (sizes[n % sizes.length] ?? 0);
            parts.push(bytes.subarray(at, at + size));
            at += size;
          }
          expect(await read(parts)).toEqual(events);
        },
      ),
    );
  });

  it("of several lines are one text; one that is cut off is none; one without end is refused", async () => {
    expect(await read([Buffer.from("data: a\ndata:b\n\ndata: c\n")])).toEqual(["a\nb"]);
    const endless = Array.from({ length: 6 }, () => Buffer.from("x".repeat(1024 * 1024)));
    await expect(read(endless)).rejects.toThrow(/too long/);
  });
});

describe("the pause a provider asks for", () => {
  it("is read from seconds or a date, and bounded", () => {
    expect(parseRetryAfter("1.5")).toBe(1_500);
    expect(parseRetryAfter("Thu, 01 Jan 1970 00:00:10 GMT", 4_000)).toBe(6_000);
    expect(parseRetryAfter("Thu, 01 Jan 1970 00:00:10 GMT", 40_000)).toBe(0);
    expect(parseRetryAfter("100000")).toBe(3_600_000);
    for (const nothing of [undefined, " ", "soon"]) expect(parseRetryAfter(nothing)).toBeUndefined();
  });
});
