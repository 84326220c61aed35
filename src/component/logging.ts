/** One JSON line per event, at the level the component's environment asks for; the only file that may write to the console. */

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** What an event may carry: ids, counts and names. Never payloads, tokens or URLs. */
export type LogFields = Record<string, string | number | boolean | null | undefined>;
export type Logger = Record<LogLevel, (event: string, fields?: LogFields) => void>;

export function createLogger(configured: string | undefined): Logger {
  const configuredIndex = LEVELS.findIndex((level) => level === configured);
  const threshold = configuredIndex === -1 ? LEVELS.indexOf("info") : configuredIndex;
  const writer = (level: LogLevel) => (event: string, fields?: LogFields) => {
    if (LEVELS.indexOf(level) < threshold) return;
    console[level](JSON.stringify({ component: "agentFactory", level, event, ...fields }));
  };
  return { debug: writer("debug"), info: writer("info"), warn: writer("warn"), error: writer("error") };
}
