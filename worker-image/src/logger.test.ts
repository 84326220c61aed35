/** No secret gets into a log line, wherever in it somebody put one. */
import { describe, expect, it } from "vitest";
import { createLogger, errorMessage, SecretFilter } from "./logger.js";

const TOKEN = "dGhpcyBpcyBhIHZlcnkgc2VjcmV0IHRva2VuIGluZGVlZA";

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  const filter = new SecretFilter();
  filter.add(TOKEN);
  write(createLogger("trace", filter, { write: (line) => void lines.push(line) }));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(() => void JSON.parse(line)).not.toThrow();
  return lines.join("");
}

describe("the log", () => {
  it("hides fields that are secret by name", () => {
    const text = logged((logger) => {
      logger.info({ workerToken: "not-registered-1", args: { uploadUrl: "not-registered-2" } }, "x");
      logger.child({ enrollmentCredential: "not-registered-3" }).info("y");
    });
    expect(text).not.toContain("not-registered");
  });

  it("hides known secrets in messages, errors, stacks and keys", () => {
    const text = logged((logger) => {
      logger.info(`token ${TOKEN}`);
      logger.warn({ [TOKEN]: 1, deep: [{ in: TOKEN }] }, "x");
      logger.error({ error: new Error(`failed with ${TOKEN}`, { cause: new Error(TOKEN) }) }, "y");
    });
    expect(text).not.toContain(TOKEN);
    expect(text).toContain("failed with [redacted]");
  });

  it("hides secrets of several lines, and those with quotes", () => {
    const filter = new SecretFilter();
    const secret = '-----BEGIN KEY-----\nMIIEvQ"IBADANBg\n-----END KEY-----\n';
    const lines: string[] = [];
    const logger = createLogger("info", filter, { write: (line) => void lines.push(line) });
    const forget = filter.hold([secret]);
    logger.info({ output: `It says ${secret}.`, error: new Error(secret) }, secret);
    expect(lines.join("")).not.toContain("MIIE");
    expect(lines.join("")).toContain("It says [redacted].");
    forget();
    expect(filter.clean(JSON.stringify(secret))).toContain("MIIE");
  });

  it("hides what storage URLs carry behind their question mark", () => {
    const text = logged((logger) =>
      logger.info({
        reason: 'POST https://x.convex.cloud/api/storage/upload?token=abc&b="c" failed\n(wss://y/z#frag)',
      }),
    );
    expect(text).toContain("https://x.convex.cloud/api/storage/upload?[redacted]");
    expect(text).not.toMatch(/token=abc|frag/);
  });

  it("keeps ordinary text", () => {
    const filter = new SecretFilter();
    filter.add("short");
    const text = "What is a short URL? See https://example.com/a/b.";
    expect(filter.clean(text)).toBe(text);
    expect(errorMessage(new Error("two\n  lines "))).toBe("two lines");
    expect(errorMessage("text")).toBe("text");
  });
});
