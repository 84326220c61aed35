/** The worker's log: one JSON line per event on stdout, from which every secret is taken out last of all. */
import pino, { type DestinationStream, type Logger as PinoLogger } from "pino";

export type Logger = PinoLogger;

/** Shorter strings could be ordinary words; everything secret here is far longer. */
const MIN_SECRET_LENGTH = 16;

/** Knows the secrets of this process and takes them out of any text. */
export class SecretFilter {
  private readonly secrets = new Set<string>();

  add(secret: string): void {
    if (secret.length >= MIN_SECRET_LENGTH) this.secrets.add(secret);
  }

  /** The text without known secrets, and without the query part of URLs, which is where storage puts its permissions. */
  clean(text: string): string {
    let cleaned = text.replace(/(\b(?:https?|wss?):\/\/[^\s"'<>?#\\]+)[?#][^\s"'<>\\]*/g, "$1?[redacted]");
    for (const secret of this.secrets) cleaned = cleaned.replaceAll(secret, "[redacted]");
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
