/** Reads and checks the worker's configuration from its environment, before anything else happens. */
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { MAX_IDENTIFIER_BYTES } from "../../src/shared/payload.js";
import {
  DEFAULT_DATA_DIRECTORY,
  DEFAULT_ENROLLMENT_FILE,
  DEFAULT_FUNCTIONS_MODULE,
  DEFAULT_SKILLS_DIRECTORY,
  WORKER_ENVIRONMENT,
} from "../../src/shared/worker-environment.js";

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

export type WorkerConfig = {
  convexUrl: string;
  functionsModule: string;
  workerId: string;
  /** Absolute, guest root included; so is every path here. */
  enrollmentFile: string;
  dataDirectory: string;
  runtime: string;
  /** The skills that came with the image; it need not exist. */
  skillsDirectory: string;
  /** 0 lets the system choose. */
  healthPort: number;
  logLevel: (typeof LOG_LEVELS)[number];
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration cannot work; the message is one line that says which variable to change and how. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const absolutePath = z
  .string()
  .refine((path) => isAbsolute(path) && !path.split("/").includes(".."), "must be an absolute path without ..");

const schema = z.object({
  convexUrl: z
    .string("is not set; it is the deployment's URL, like https://happy-otter-123.convex.cloud")
    .refine(
      (url) => /^https?:\/\//.test(url) && URL.canParse(url),
      "must be a URL that starts with https:// or http://",
    )
    .refine(
      (url) => !url.endsWith(".convex.site"),
      "must be the deployment's URL (.convex.cloud), not that of its HTTP actions (.convex.site)",
    )
    .refine(
      (url) => !URL.canParse(url) || (new URL(url).username === "" && new URL(url).password === ""),
      "must not contain a user name or password",
    ),
  functionsModule: z
    .string()
    .regex(/^[A-Za-z0-9_]+(\/[A-Za-z0-9_]+)*$/, "must name a module of convex/, like agentFactory or workers/api")
    .default(DEFAULT_FUNCTIONS_MODULE),
  workerId: z
    .string("is not set; whoever starts the worker gives it an id")
    .refine((id) => Buffer.byteLength(id) <= MAX_IDENTIFIER_BYTES, `must have at most ${MAX_IDENTIFIER_BYTES} bytes`),
  enrollmentFile: absolutePath.default(DEFAULT_ENROLLMENT_FILE),
  dataDirectory: absolutePath.default(DEFAULT_DATA_DIRECTORY),
  skillsDirectory: absolutePath.default(DEFAULT_SKILLS_DIRECTORY),
  guestRoot: absolutePath.default("/"),
  runtime: z.string().default("echo"),
  healthPort: z
    .string()
    .regex(/^\d{1,5}$/, "must be a port number")
    .transform(Number)
    .refine((port) => port <= 65_535, "must be a port number")
    .default(8080),
  logLevel: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(", ")}`).default("info"),
});

type Key = keyof z.input<typeof schema>;

/**
 * @param runtimeNames the runtimes this image contains
 * @throws ConfigError
 */
export function readConfig(environment: Environment, runtimeNames: readonly string[]): WorkerConfig {
  const read = (key: Key) => {
    // An empty variable is how a shell or a deployment file says "not set".
    const value = environment[WORKER_ENVIRONMENT[key]]?.trim();
    return value === "" ? undefined : value;
  };
  const keys: readonly Key[] = schema.keyof().options;
  const parsed = schema.safeParse(Object.fromEntries(keys.map((key) => [key, read(key)])));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const key = keys.find((candidate) => candidate === issue.path[0]);
      return `${key === undefined ? "The environment" : WORKER_ENVIRONMENT[key]} ${issue.message}`;
    });
    throw new ConfigError(`${problems.join("; ")}.`);
  }

  const { guestRoot, ...config } = parsed.data;
  if (!runtimeNames.includes(config.runtime)) {
    const known = runtimeNames.join(", ");
    throw new ConfigError(
      `${WORKER_ENVIRONMENT.runtime} is ${JSON.stringify(config.runtime)}, which this image does not contain; it has: ${known}.`,
    );
  }
  return {
    ...config,
    enrollmentFile: join(guestRoot, config.enrollmentFile),
    dataDirectory: join(guestRoot, config.dataDirectory),
    skillsDirectory: join(guestRoot, config.skillsDirectory),
  };
}

/** Reads a whole number from an optional variable. @throws ConfigError */
export function readInteger(
  environment: Environment,
  name: string,
  { fallback, min, max }: { fallback: number; min: number; max: number },
): number {
  const text = environment[name]?.trim() ?? "";
  if (text === "") return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new ConfigError(`${name} must be a whole number from ${min} to ${max}.`);
  return value;
}
