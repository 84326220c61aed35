import { afterEach, describe, expect, it, vi } from "vitest";
import { createLogger } from "./logging.js";

function printedAt(level: string | undefined): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  for (const name of ["debug", "info", "warn", "error"] as const) {
    vi.spyOn(console, name).mockImplementation((line: string) => {
      lines.push(JSON.parse(line) as Record<string, unknown>);
    });
  }
  const log = createLogger(level);
  log.debug("one");
  log.info("two", { workerId: "w", count: 2 });
  log.warn("three");
  log.error("four");
  return lines;
}

describe("the log", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("is one JSON line per event, with its fields", () => {
    expect(printedAt("info")[0]).toEqual({
      component: "agentFactory",
      level: "info",
      event: "two",
      workerId: "w",
      count: 2,
    });
  });

  it("starts at the configured level, at info when that is nothing it knows", () => {
    const events = (level: string | undefined) => printedAt(level).map(({ event }) => event);
    expect(events("debug")).toEqual(["one", "two", "three", "four"]);
    expect(events("error")).toEqual(["four"]);
    expect(events(undefined)).toEqual(["two", "three", "four"]);
    expect(events("loud")).toEqual(["two", "three", "four"]);
  });
});
