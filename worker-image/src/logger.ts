/** The worker's log: one JSON line per event on stdout, from which every secret is taken out last of all. */
import pino, { type DestinationStream, type Logger as PinoLogger } from "pino";

export type Logger = PinoLogger;

/** Shorter strings could be ordinary words; everything secret here is far longer. */
const MIN_SECRET_LENGTH = 16;

/** An agent's variables are secrets of others, which may be shorter; below this they are words. */
const MIN_HELD_LENGTH = 8;

/** As it is, and as it stands in a line of JSON, where quotes and ends of lines look different. */
const formsOf = (secret: string) => [...new Set([secret, JSON.stringify(secret).slice(1, -1)])];

/** Knows the secrets of this process and takes them out of any text. */
export class SecretFilter {
  private readonly secrets = new Set<string>();
  /** How many turns have each of these right now. */
  private readonly held = new Map<string, number>();

  add(secret: string): void {
    if (secret.length >= MIN_SECRET_LENGTH) for (const form of formsOf(secret)) this.secrets.add(form);
  }

  /** The values of an agent's variables, for as long as its turn runs; the returned function forgets them. */
  hold(values: readonly string[]): () => void {
    const secrets = values.filter(({ length }) => length >= MIN_HELD_LENGTH).flatMap(formsOf);
    for (const secret of secrets) this.held.set(secret, (this.held.get(secret) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      for (const secret of secrets) {
        const count = (this.held.get(secret) ?? 1) - 1;
        if (count > 0) this.held.set(secret, count);
        else this.held.delete(secret);
      }
    };
  }

  /** The text without known secrets, and without the query part of URLs, which is where storage puts its permissions. */
  clean(text: string): string {
    let cleaned = text.replace(/(\b(?:https?|wss?):\/\/[^\s"'<>?#\\]+)[?#][^\s"'<>\\]*/g, "$1?[redacted]");
    // The longest first: one may be a part of another.
    const held = [...this.held.keys()].sort((a, b) => b.length - a.length);
    for (const secret of [...this.secrets, ...held]) cleaned = cleaned.replaceAll(secret, "[redacted]");
    return cleaned;
  }
}

/** Fields that are secret whatever they hold. */
const SECRET_FIELDS = [
  "workerToken",
  "newWorkerToken",
  "enrollmentCredential",
  "token",
  "uploadUrl",
  "downloadUrl",
  "authorization",
];

/**
 * @param filter also cleans what is hidden inside messages and stack traces
 * @param destination stdout when left out; written synchronously, so that the last line before an exit is not lost
 */
export function createLogger(level: string, filter: SecretFilter, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: "[redacted]" },
      serializers: { error: pino.stdSerializers.err },
      hooks: { streamWrite: (line) => filter.clean(line) },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  );
}

/** An error as one short sentence, safe to show to users and operators. */
export function errorMessage(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ").trim();
}
