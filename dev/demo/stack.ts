/** The whole system on this machine: embedded Convex with the example's functions, and a Machines API whose machines are real workers. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConvexHttpClient } from "convex/browser";
import { api } from "../../example/convex/_generated/api.js";
import { generateKeys, type ExampleKeys } from "../../example/scripts/keys.js";
import type { ProviderConfig, ScalingPolicy } from "../../src/shared/provider-config.js";
import { startFlyEmulator, type FlyEmulator, type FlyEmulatorOptions } from "../fly-emulator/index.js";
import { setEnvironment, startBackend } from "./backend.js";
import { signIn } from "./session.js";

export const PROJECT_DIRECTORY = fileURLToPath(new URL("../../", import.meta.url));
const WORKER_BUNDLE = join(PROJECT_DIRECTORY, "worker-image/dist/main.mjs");
const APP_NAME = "agent-factory-demo";
const IMAGE = "agent-factory-worker";

export interface StackOptions {
  /** 0 takes any free port. */
  convexPort?: number;
  sitePort?: number;
  flyPort?: number;
  /** Kept between runs when given; otherwise a temporary folder that `close` removes. */
  dataDirectory?: string;
  policy?: Partial<ScalingPolicy>;
  /** A volume for each worker. */
  volume?: ProviderConfig["volume"];
  /** More environment for the workers. */
  workerEnvironment?: Record<string, string>;
  fly?: Partial<FlyEmulatorOptions>;
  log?: (line: string) => void;
}

export interface Stack {
  cloudUrl: string;
  siteUrl: string;
  flyUrl: string;
  /** Opens the fleet page. */
  operatorCode: string;
  fly: FlyEmulator;
  /** Signed in as operator. */
  operator: ConvexHttpClient;
  /** Kills the backend without warning and starts it again on the same data and ports. */
  crashBackend(): Promise<void>;
  /** Stops everything that was started; what was kept in `dataDirectory` stays. */
  close(): Promise<void>;
}

/** Starts the system and configures it as an operator would. Whatever had started is stopped again when a later part fails. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  if (!existsSync(WORKER_BUNDLE)) {
    throw new Error(`The worker is not built: ${WORKER_BUNDLE} is missing. Run "npm run build:worker".`);
  }
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), "agent-factory-")));
  const started: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const stop of started.splice(0).reverse()) await stop();
    if (options.dataDirectory === undefined) await rm(dataDirectory, { recursive: true, force: true });
  };
  try {
    await mkdir(dataDirectory, { recursive: true });
    const keys = await loadKeys(join(dataDirectory, "keys.json"));
    const log = options.log ?? (() => {});
    log("Starting the Machines API emulator");
    const fly = await startFlyEmulator({
      images: {
        [IMAGE]: {
          command: process.execPath,
          args: ["--enable-source-maps", WORKER_BUNDLE],
          freePortEnvironmentNames: ["AGENT_FACTORY_HEALTH_PORT"],
        },
      },
      port: options.flyPort ?? 0,
      dataDirectory: join(dataDirectory, "fly"),
      ...options.fly,
    });
    started.push(async () => await fly.close());
    const openBackend = async (port: number, sitePort: number) =>
      await startBackend({
        projectDirectory: PROJECT_DIRECTORY,
        dataDirectory: join(dataDirectory, "convex"),
        port,
        sitePort,
      });
    log("Starting the embedded Convex backend");
    let backend = await openBackend(options.convexPort ?? 0, options.sitePort ?? 0);
    started.push(async () => await backend.stop());
    await setEnvironment(backend, { ...keys, AGENT_FACTORY_LOCAL_PROVIDER_URL: fly.url });
    const operator = new ConvexHttpClient(backend.cloudUrl, { logger: false });
    operator.setAuth((await signIn(operator, keys.OPERATOR_CODE)).token);
    log("Configuring agent, secret and pool");
    await configure(operator, fly.token, options);
    const { cloudUrl, siteUrl } = backend;
    return {
      cloudUrl,
      siteUrl,
      flyUrl: fly.url,
      operatorCode: keys.OPERATOR_CODE,
      fly,
      operator,
      crashBackend: async () => {
        await backend.kill();
        backend = await openBackend(Number(new URL(cloudUrl).port), Number(new URL(siteUrl).port));
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function configure(operator: ConvexHttpClient, flyToken: string, options: StackOptions): Promise<void> {
  await operator.mutation(api.agentFactory.seedDefaultAgent, {});
  await operator.action(api.agentFactory.importSecret, { secretRef: "fly.apiToken", plaintextValue: flyToken });
  await operator.mutation(api.agentFactory.setScalingPolicy, { scalingPolicy: options.policy ?? {} });
  await operator.mutation(api.agentFactory.setProviderRuntimeConfig, {
    providerConfig: {
      kind: "local",
      appName: APP_NAME,
      image: IMAGE,
      regions: ["fra", "ams"],
      ...(options.volume === undefined ? {} : { volume: options.volume }),
      ...(options.workerEnvironment === undefined ? {} : { environment: options.workerEnvironment }),
    },
  });
}

/** The same keys at every start on the same data: secrets sealed with others could not be opened. */
async function loadKeys(file: string): Promise<ExampleKeys> {
  if (existsSync(file)) return parseKeys(await readFile(file, "utf8"));
  const keys = await generateKeys();
  await writeFile(file, JSON.stringify(keys), { mode: 0o600 });
  return keys;
}

function parseKeys(text: string): ExampleKeys {
  const keys: unknown = JSON.parse(text);
  const read = (name: keyof ExampleKeys): string => {
    const value: unknown = typeof keys === "object" && keys !== null ? Reflect.get(keys, name) : undefined;
    if (typeof value !== "string")
      throw new Error(`The demo's keys file has no ${name}. Delete the demo's data folder.`);
    return value;
  };
  return {
    AGENT_FACTORY_ENCRYPTION_KEY: read("AGENT_FACTORY_ENCRYPTION_KEY"),
    SESSION_SIGNING_KEY: read("SESSION_SIGNING_KEY"),
    OPERATOR_CODE: read("OPERATOR_CODE"),
  };
}
