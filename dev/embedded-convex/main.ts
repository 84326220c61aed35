/** The command that runs an embedded backend until it is stopped. Prints one line of JSON to standard output once it is ready. */
import { parseCommandLine, USAGE, UsageError, type CommandLine } from "./command-line.js";
import { adminKeyFromFile, generateAdminKey } from "./server/auth/admin-key.js";
import { PortTakenError, startEmbeddedConvex } from "./start.js";

/** Longer than closing takes when all goes well (3 s for connections, some for the engine); then the process ends anyway. */
const STOP_TIMEOUT_MS = 15_000;

const EXIT_USAGE = 2;
const EXIT_PORT_TAKEN = 3;

async function main(): Promise<void> {
  const commandLine = parseCommandLine(process.argv.slice(2), process.cwd());
  if (commandLine === null) {
    process.stdout.write(USAGE);
    return;
  }
  await run(commandLine);
}

async function run(commandLine: CommandLine): Promise<void> {
  const { port, sitePort, projectDirectory, dataDirectory, adminKeyFile, stopWithStdin, quiet } = commandLine;
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  // A promise that a function of the app left alone must not take down the backend that all others use.
  process.on("unhandledRejection", (reason) => {
    log(`A function left a rejected promise behind: ${reason instanceof Error ? reason.stack : String(reason)}`);
  });

  const adminKey = adminKeyFile === null ? generateAdminKey() : await adminKeyFromFile(adminKeyFile);
  const backend = await startEmbeddedConvex({
    projectDirectory,
    dataDirectory,
    port,
    sitePort,
    adminKey,
    ...(quiet ? {} : { log }),
  });

  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
    void backend.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log(`Stopping failed: ${error instanceof Error ? error.stack : String(error)}`);
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  if (stopWithStdin) process.stdin.on("end", stop).on("close", stop).resume();

  const { cloudUrl, siteUrl } = backend;
  process.stdout.write(`${JSON.stringify({ ready: true, cloudUrl, siteUrl, adminKeyFile, pid: process.pid })}\n`);
}

try {
  await main();
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    process.exit(EXIT_USAGE);
  }
  process.stderr.write(
    `${error instanceof Error ? (error instanceof PortTakenError ? error.message : error.stack) : String(error)}\n`,
  );
  process.exit(error instanceof PortTakenError ? EXIT_PORT_TAKEN : 1);
}
