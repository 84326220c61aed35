/** The worker's entry point: configuration, signals, exit code. */
import { constants } from "node:os";
import { ConvexConnection } from "./backend.js";
import { ConfigError, readConfig } from "./config.js";
import { EXIT_CRASHED, EXIT_MISCONFIGURED, EXIT_REJECTED, exitCodeOfSignal } from "./exit-codes.js";
import { EnrollmentRejected } from "./lifecycle/enrollment.js";
import { healthHosts, startHealthServer } from "./lifecycle/health-server.js";
import { createLogger, errorMessage, SecretFilter } from "./logger.js";
import { configureRuntime, RUNTIME_NAMES } from "./runtimes/registry.js";
import { Worker } from "./worker.js";

/** A little less than the 30 s after which a stopped machine's process is killed: an exit of one's own can be told apart. */
const HARD_EXIT_MS = 28_000;

function explainAndExit(error: unknown): never {
  const exitCode =
    error instanceof ConfigError
      ? EXIT_MISCONFIGURED
      : error instanceof EnrollmentRejected
        ? EXIT_REJECTED
        : EXIT_CRASHED;
  const detail =
    exitCode === EXIT_CRASHED && error instanceof Error ? (error.stack ?? error.message) : errorMessage(error);
  process.stderr.write(`agent-factory worker: ${filter.clean(detail)}\n`);
  process.exit(exitCode);
}

const filter = new SecretFilter();
try {
  const config = readConfig(process.env, RUNTIME_NAMES);
  const createRuntime = configureRuntime(config.runtime, process.env);
  const logger = createLogger(config.logLevel, filter);
  const connection = new ConvexConnection(config.convexUrl, config.functionsModule, logger);
  const worker = new Worker({ config, connection, createRuntime, filter, logger });

  let isLeaving = false;
  const leave = (exitCode?: number) => {
    isLeaving = true;
    worker.shutDown(exitCode);
    setTimeout(() => process.exit(EXIT_CRASHED), HARD_EXIT_MS).unref();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      logger.info({ signal }, isLeaving ? "Told to go again: leaving at once." : "Told to go.");
      if (isLeaving) process.exit(exitCodeOfSignal(constants.signals[signal]));
      leave();
    });
  }
  for (const defect of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(defect, (error) => {
      logger.fatal({ error, defect }, "A defect of the worker; leaving.");
      if (isLeaving) process.exit(EXIT_CRASHED);
      leave(EXIT_CRASHED);
    });
  }

  const health = await startHealthServer(healthHosts(process.env), config.healthPort, () => worker.health());
  for (const problem of health.unavailable) logger.warn(problem);
  logger.info({ healthPort: health.port, convexUrl: config.convexUrl, runtime: config.runtime }, "Starting.");
  const exitCode = await worker.run();
  await health.close();
  process.exit(exitCode);
} catch (error) {
  explainAndExit(error);
}
