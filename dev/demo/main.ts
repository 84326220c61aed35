/** `npm run demo`: the whole system on this machine until Ctrl+C, or one turn of it with `--once`. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PortTakenError } from "../embedded-convex/server/http/listen.js";
import { BackendFailed } from "./backend.js";
import { startNextApp } from "./next-app.js";
import { runOnce } from "./once.js";
import { DEFAULT_PORTS, PortProblem, readPorts, requireFreePorts, type Ports } from "./ports.js";
import { PROJECT_DIRECTORY, startStack } from "./stack.js";

const HELP = `npm run demo                                   the whole system, until Ctrl+C
npm run demo -- --once --message "hello" --json  one turn, then everything is stopped

--message TEXT   what to say with --once (default "hello")
--json           print the result of --once as one JSON object
--port N         the example app's port (default ${DEFAULT_PORTS.app}; 0 takes any free one), and likewise
--convex-port N  (${DEFAULT_PORTS.convex}), --site-port N (${DEFAULT_PORTS.site}), --fly-port N (${DEFAULT_PORTS.fly})
--fresh          forget what earlier runs left in .demo/
--dev            compile pages as they are asked for instead of building them first`;

const OPTIONS = {
  once: { type: "boolean", default: false },
  message: { type: "string", default: "hello" },
  json: { type: "boolean", default: false },
  port: { type: "string" },
  "convex-port": { type: "string" },
  "site-port": { type: "string" },
  "fly-port": { type: "string" },
  fresh: { type: "boolean", default: false },
  dev: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** Progress goes to standard error, so that standard output holds nothing but the result. */
function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    log(HELP);
    return 0;
  }
  if (values.once) return await once(values.message, values.json);
  const ports = readPorts({
    port: values.port,
    "convex-port": values["convex-port"],
    "site-port": values["site-port"],
    "fly-port": values["fly-port"],
  });
  await requireFreePorts(ports);
  await untilInterrupted(ports, values);
  return 0;
}

async function once(message: string, json: boolean): Promise<number> {
  const result = await runOnce(message, log);
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${result.reply}\n`);
  return result.machinesLeft === 0 && result.volumesLeft === 0 ? 0 : 1;
}

async function untilInterrupted(ports: Ports, { fresh, dev }: { fresh: boolean; dev: boolean }): Promise<void> {
  const dataDirectory = join(PROJECT_DIRECTORY, ".demo");
  if (fresh) await rm(dataDirectory, { recursive: true, force: true });
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  const stack = await startStack({
    convexPort: ports.convex,
    sitePort: ports.site,
    flyPort: ports.fly,
    dataDirectory,
    log,
  });
  try {
    log("Starting the example app (the first time it is built, which takes a minute)");
    const app = await startNextApp({
      convexUrl: stack.cloudUrl,
      port: ports.app,
      mode: dev ? "development" : "production",
    });
    try {
      log("");
      log(`  Chat          ${app.url}`);
      log(`  Fleet         ${app.url}/fleet#operator=${stack.operatorCode}`);
      log(`  Convex        ${stack.cloudUrl}   HTTP actions ${stack.siteUrl}`);
      log(`  Machines API  ${stack.flyUrl}`);
      log("");
      log("  Data is kept in .demo/ (--fresh forgets it). Press Ctrl+C to stop everything.");
      await interrupted;
      log("Stopping");
    } finally {
      await app.close();
    }
  } finally {
    await stack.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  // These say in a sentence what is wrong and what to do; a stack would only hide it.
  const isPlain = [PortProblem, PortTakenError, BackendFailed].some((kind) => error instanceof kind);
  if (isPlain && error instanceof Error) log(error.message);
  else log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
}
