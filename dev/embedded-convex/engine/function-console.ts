/** The `console` that functions see: it turns what they log into the lines that Convex's clients print. */
import { inspect } from "node:util";

export type LogLevel = "DEBUG" | "ERROR" | "INFO" | "LOG" | "WARN";

/** Convex cuts longer lines as well. */
const MAX_LINE_CHARACTERS = 32_768;

/** One line as clients expect it: the level in brackets, strings in quotes. */
export function formatLogLine(level: LogLevel, values: unknown[]): string {
  const text = values.map((value) => inspect(value, { depth: 4, breakLength: 120 })).join(" ");
  const line = `[${level}] ${text}`;
  return line.length <= MAX_LINE_CHARACTERS ? line : `${line.slice(0, MAX_LINE_CHARACTERS)} (truncated)`;
}

/** @param write is told of every call; it decides to whom the line belongs. */
export function createFunctionConsole(write: (level: LogLevel, values: unknown[]) => void): Console {
  const to =
    (level: LogLevel) =>
    (...values: unknown[]): void =>
      write(level, values);
  const timers = new Map<string, number>();
  const methods: Partial<Console> = {
    log: to("LOG"),
    info: to("INFO"),
    debug: to("DEBUG"),
    warn: to("WARN"),
    error: to("ERROR"),
    trace: (...values: unknown[]) => write("LOG", ["Trace:", ...values, new Error().stack]),
    dir: (value: unknown) => write("LOG", [value]),
    table: (value: unknown) => write("LOG", [value]),
    assert: (condition?: boolean, ...values: unknown[]) => {
      if (condition !== true) write("ERROR", ["Assertion failed", ...values]);
    },
    time: (label = "default") => {
      timers.set(label, performance.now());
    },
    timeEnd: (label = "default") => {
      const startedAt = timers.get(label);
      timers.delete(label);
      if (startedAt !== undefined) write("LOG", [`${label}: ${(performance.now() - startedAt).toFixed(1)} ms`]);
    },
  };
  // What is left (group, count, ...) has no counterpart in Convex's logs, and must not throw.
  return new Proxy(console, {
    get: (_target, name): unknown => Reflect.get(methods, name) ?? ((): void => undefined),
  });
}
