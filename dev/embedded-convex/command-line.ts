/** The flags of the embedded backend's command. Pure. */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

/** The ports of Convex's own local backend, which clients and examples expect. */
const DEFAULT_PORT = 3210;
const DEFAULT_SITE_PORT = 3211;

export interface CommandLine {
  port: number;
  sitePort: number;
  projectDirectory: string;
  /** null: in memory. */
  dataDirectory: string | null;
  /** Where the admin key is kept; null keeps it to the process, so that nobody can use it. */
  adminKeyFile: string | null;
  stopWithStdin: boolean;
  quiet: boolean;
}

export const USAGE = `Usage: tsx dev/embedded-convex/main.ts [options]

Runs the Convex app of a project on this machine, for development.

  --project <folder>       folder with convex.json (default: the current one)
  --data <folder>          where data is kept (default: .convex-embedded in the project)
  --memory                 keep data in memory instead
  --port <number>          port of the API (default: ${DEFAULT_PORT}; 0: any free one)
  --site-port <number>     port of HTTP actions (default: ${DEFAULT_SITE_PORT}; 0: any free one)
  --admin-key-file <file>  where the admin key is kept, readable only by you (default: admin-key in the data folder)
  --stop-with-stdin        stop when standard input ends: when the program that started this one is gone
  --quiet                  do not print what functions log
  --help
`;

/** A flag that does not exist, or a value that it cannot have. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * @returns null when help was asked for.
 * @throws UsageError
 */
export function parseCommandLine(args: string[], currentDirectory: string): CommandLine | null {
  const values = parse(args);
  if (values.help === true) return null;
  if (values.memory === true && values.data !== undefined)
    throw new UsageError("--memory and --data exclude each other.");
  const projectDirectory = resolve(currentDirectory, values.project ?? ".");
  const dataDirectory =
    values.memory === true
      ? null
      : resolve(currentDirectory, values.data ?? join(projectDirectory, ".convex-embedded"));
  const keyFile = values["admin-key-file"] ?? (dataDirectory === null ? null : join(dataDirectory, "admin-key"));
  return {
    port: parsePort("--port", values.port, DEFAULT_PORT),
    sitePort: parsePort("--site-port", values["site-port"], DEFAULT_SITE_PORT),
    projectDirectory,
    dataDirectory,
    adminKeyFile: keyFile === null ? null : resolve(currentDirectory, keyFile),
    stopWithStdin: values["stop-with-stdin"] === true,
    quiet: values.quiet === true,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        project: { type: "string" },
        data: { type: "string" },
        memory: { type: "boolean" },
        port: { type: "string" },
        "site-port": { type: "string" },
        "admin-key-file": { type: "string" },
        "stop-with-stdin": { type: "boolean" },
        quiet: { type: "boolean" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function parsePort(flag: string, value: string | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  const port = Number(value);
  if (!/^\d{1,5}$/.test(value) || port > 65_535)
    throw new UsageError(`${flag} must be a number from 0 to 65535, not "${value}".`);
  return port;
}
