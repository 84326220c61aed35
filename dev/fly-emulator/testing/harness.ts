/** What the emulator's own tests share: quick options, programs to run as machines, a bare HTTP client, waiting. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startFlyEmulator, type FlyEmulator, type FlyEmulatorOptions, type MachineImage } from "../index.js";
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from "../model/json.js";

const shell = (script: string): MachineImage => ({ command: "/bin/sh", args: ["-c", script] });

/** Counts in the file `counter` of its root directory, from 1 at each boot. */
const COUNTER = "i=0; while :; do i=$((i+1)); echo $i > counter.new; mv counter.new counter; sleep 0.02; done";

export const IMAGES = {
  "registry.fly.io/counter": shell(COUNTER),
  "registry.fly.io/sleeper": { command: "sleep", args: ["600"] },
  /** Cannot be asked to stop, only killed. */
  "registry.fly.io/stubborn": shell('trap "" INT TERM; echo > ready; while :; do sleep 0.05; done'),
  /** Says that it booted, and ends by itself as the environment says. */
  "registry.fly.io/short": shell('echo booted; sleep "${SECONDS_TO_LIVE:-0.05}"; exit "${CODE:-0}"'),
  "registry.fly.io/talkative": {
    ...shell('env > environment; echo "out $COLOR"; echo "err $COLOR" >&2; exec sleep 600'),
    env: { COLOR: "green", SHADE: "dark" },
    freePortEnvironmentNames: ["HEALTH_PORT", "OTHER_PORT"],
  },
  /** Its counting grandchild leaves the process group. */
  "registry.fly.io/escapist": { command: "/bin/sh", args: ["-c", 'setsid sh -c "$0" & wait', COUNTER] },
  "registry.fly.io/missing-program": { command: "/no/such/program", args: [] },
} satisfies Record<string, MachineImage>;

/** Fast, and without rate limits, which have tests of their own. */
export const QUICK: FlyEmulatorOptions = {
  images: IMAGES,
  rateLimits: false,
  latencies: { create: 10, start: 20, resume: 10, suspend: 10, destroy: 10, restart: 10 },
};

export interface Reply {
  readonly status: number;
  readonly body: JsonValue | undefined;
  readonly headers: Headers;
  /** The body as an object; empty when it is none. */
  readonly json: JsonObject;
}

/** Calls the API of one app as a client would; nothing is retried. */
export class TestClient {
  constructor(
    private readonly emulator: Pick<FlyEmulator, "url" | "token">,
    private readonly app = "test-app",
  ) {}

  async call(
    method: string,
    path: string,
    body?: JsonValue,
    headers: Record<string, string> = {},
    signal: AbortSignal = AbortSignal.timeout(20_000),
  ): Promise<Reply> {
    const response = await fetch(`${this.emulator.url}/apps/${this.app}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.emulator.token}`, ...headers },
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed = text === "" ? undefined : parseJson(text);
    return {
      status: response.status,
      headers: response.headers,
      body: parsed,
      json: isJsonObject(parsed) ? parsed : {},
    };
  }

  create(image: string, config: JsonObject = {}, rest: JsonObject = {}): Promise<Reply> {
    return this.call("POST", "/machines", { config: { image, ...config }, ...rest });
  }

  /** Creates a machine and waits until it has started; returns its id. */
  async started(image: string, config: JsonObject = {}, rest: JsonObject = {}): Promise<string> {
    const created = await this.create(image, config, rest);
    const id = idOf(created);
    await this.reaches(id, "started");
    return id;
  }

  /** Waits by the API for a state; throws when it is not reached. */
  async reaches(id: string, state: string): Promise<void> {
    const reply = await this.call("GET", `/machines/${id}/wait?state=${state}&timeout=15`);
    if (reply.status !== 200) throw new Error(`Machine ${id} did not become ${state}: ${JSON.stringify(reply.json)}`);
  }

  async state(id: string): Promise<JsonValue | undefined> {
    return (await this.call("GET", `/machines/${id}`)).json.state;
  }
}

export function idOf(reply: Reply): string {
  if (typeof reply.json.id !== "string") throw new Error(`There is no id in ${JSON.stringify(reply.body)}`);
  return reply.json.id;
}

/** Starts an emulator for one test file; `client` and `emulator` are only valid until `close`. */
export async function startQuick(options: Partial<FlyEmulatorOptions> = {}): Promise<{
  emulator: FlyEmulator;
  client: TestClient;
}> {
  const emulator = await startFlyEmulator({ ...QUICK, ...options });
  return { emulator, client: new TestClient(emulator) };
}

/** The number in a machine's `counter` file, 0 before it exists. */
export function counterOf(rootDirectory: string): number {
  const path = join(rootDirectory, "counter");
  return existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
}

/** Polls until the condition holds; throws with `what` after ten seconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`It did not come true within 10 s that ${what}.`);
    await sleep(15);
  }
}

/** A JSON value as text, a string as itself. */
export const textOf = (value: JsonValue | undefined): string =>
  typeof value === "string" ? value : JSON.stringify(value ?? null);

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether a process still runs; one that only waits to be collected does not. */
export function isRunning(processId: number): boolean {
  if (process.platform === "linux") {
    const path = `/proc/${processId}/stat`;
    try {
      return !/\) [ZX] /.test(readFileSync(path, "utf8"));
    } catch {
      return false;
    }
  }
  try {
    return process.kill(processId, 0);
  } catch {
    return false;
  }
}
