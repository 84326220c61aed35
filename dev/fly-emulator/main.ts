/**
 * Starts the emulator from a terminal.
 *
 *     tsx dev/fly-emulator/main.ts --images images.json [--port 4280] [--data directory] [--persist] [--no-rate-limits]
 *
 * `images.json` maps image references to `{ "command": ..., "args": [...] }`. The token comes from FLY_API_TOKEN; without
 * one a token is made up and printed, which opens nothing but this emulator.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { startFlyEmulator, type FlyEmulatorOptions, type MachineImage } from "./index.js";
import { isJsonObject, parseJson, type JsonValue } from "./model/json.js";

const USAGE =
  "Usage: tsx dev/fly-emulator/main.ts --images <file.json> [--port <number>] [--data <directory>] [--persist] [--no-rate-limits]";

function readImages(path: string): Record<string, MachineImage> {
  const images = parseJson(readFileSync(path, "utf8"));
  if (!isJsonObject(images)) throw new Error(`${path} must map image references to commands.`);
  return Object.fromEntries(
    Object.entries(images).map(([reference, image]) => [reference, readImage(reference, image)]),
  );
}

function readImage(reference: string, image: JsonValue | undefined): MachineImage {
  if (!isJsonObject(image) || typeof image.command !== "string") {
    throw new Error(`The image ${reference} needs a "command".`);
  }
  return {
    command: image.command,
    args: strings(image.args),
    env: isJsonObject(image.env) ? (image.env as Record<string, string>) : {},
    freePortEnvironmentNames: strings(image.freePortEnvironmentNames),
  };
}

const strings = (value: JsonValue | undefined): string[] => (Array.isArray(value) ? value.map(String) : []);

function readOptions(): FlyEmulatorOptions {
  const { values } = parseArgs({
    options: {
      images: { type: "string" },
      port: { type: "string", default: "0" },
      data: { type: "string" },
      persist: { type: "boolean", default: false },
      "no-rate-limits": { type: "boolean", default: false },
    },
  });
  if (values.images === undefined) throw new Error(USAGE);
  const token = process.env.FLY_API_TOKEN;
  return {
    images: readImages(values.images),
    port: Number(values.port),
    persist: values.persist,
    ...(values.data === undefined ? {} : { dataDirectory: values.data }),
    ...(token === undefined || token === "" ? {} : { token }),
    ...(values["no-rate-limits"] ? { rateLimits: false } : {}),
  };
}

async function main(): Promise<void> {
  const options = readOptions();
  const emulator = await startFlyEmulator(options);
  // One line of JSON, so that a script can read where to go.
  process.stdout.write(
    `${JSON.stringify({ url: emulator.url, ...(options.token === undefined ? { token: emulator.token } : {}) })}\n`,
  );
  const end = (): void => void emulator.close().then(() => process.exit(0));
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
