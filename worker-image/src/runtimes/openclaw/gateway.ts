/** One conversation's gateway with all that belongs to it: its model's gate, configuration, process and connection. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { errorMessage } from "../../logger.js";
import { killMarked } from "../../processes/marked-processes.js";
import { monotonicMs, settledWithin, sleep } from "../../timing.js";
import { redacted } from "../redaction.js";
import { RuntimeNotStarted, type RuntimeContext, type RuntimeFailure, type StartInput } from "../runtime.js";
import { ConnectionLost, GatewayConnection } from "./connection.js";
import { CRASHED } from "./failure.js";
import { gatewayConfig, gatewayEnvironment, gatewayFiles, type ModelAddress } from "./gateway-config.js";
import { DISK_FULL, GatewayProcess, saysDiskFull } from "./gateway-process.js";
import { ModelGate } from "./model-gate.js";
import { vSuspension } from "./protocol.js";
import type { RunGateway } from "./run.js";
import type { OpenClawSettings } from "./settings.js";

/** Somebody else may take a free port before the gateway does. */
const MAX_PORTS = 3;
const CALL_TIMEOUT_MS = 10_000;
/** For what a turn leaves behind to finish, usually 50 ms; what takes longer is ended, so that the files stand still. */
const DRAIN_TIMEOUT_MS = 20_000;
const DRAIN_POLL_MS = 200;
/** A process whose socket broke has either ended by now or is alive. */
const EXIT_NOTICE_MS = 1_000;

export type GatewayParts = {
  settings: OpenClawSettings;
  context: RuntimeContext;
  input: StartInput;
  onEvent: (event: string, payload: unknown) => void;
  signal: AbortSignal;
};

/** Equal for two turns that can share a gateway: what a process is told only when it begins. */
export function gatewayIdentity({ agent, environment }: StartInput): string {
  const variables = Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([agent.model, agent.tools, variables]))
    .digest("hex");
}

export class Gateway implements RunGateway {
  private opening: Promise<GatewayConnection> | null = null;
  private isEnding = false;

  private constructor(
    readonly identity: string,
    readonly gate: ModelGate,
    private readonly process: GatewayProcess,
    private readonly address: { port: number; token: string },
    private readonly parts: GatewayParts,
  ) {
    void process.exited.then(({ code, signal }) => {
      if (this.isEnding) return;
      parts.context.logger.error({ code, signal, lastWords: this.lastWords }, "OpenClaw has ended by itself.");
    });
  }

  /** @throws RuntimeNotStarted, or the error of a disk that cannot be written */
  static async start(parts: GatewayParts): Promise<Gateway> {
    const { settings, context, input, signal } = parts;
    const model = input.agent.model ?? settings.model.model;
    if (model === null) {
      throw new RuntimeNotStarted("Neither the agent nor the worker says which model to ask.", "config_error");
    }
    const files = gatewayFiles(context);
    for (const folder of [files.home, files.temporary]) await mkdir(folder, { recursive: true, mode: 0o700 });
    await takeOver(context.stateDirectory);
    const gate = new ModelGate(settings.model.baseUrl);
    try {
      const address = await gate.start();
      for (let attempt = 1; ; attempt++) {
        const gateway = await launch(parts, gate, address, model);
        try {
          await gateway.process.untilReady(signal);
          await gateway.connection();
          return gateway;
        } catch (error) {
          gateway.isEnding = true;
          await gateway.process.stop({ now: true });
          const isTaken = /port \d+ is already in use/i.test(gateway.process.printed);
          if (isTaken && attempt < MAX_PORTS) continue;
          const { lastWords } = gateway;
          context.logger.error({ reason: errorMessage(error), lastWords }, "OpenClaw could not be started.");
          throw error;
        }
      }
    } catch (error) {
      await gate.stop();
      throw error;
    }

    async function launch(
      { settings, context, input }: GatewayParts,
      gate: ModelGate,
      modelAddress: ModelAddress,
      model: string,
    ): Promise<Gateway> {
      const address = { port: await freePort(), token: randomBytes(32).toString("base64url") };
      const config = gatewayConfig(settings, input, context, address, modelAddress, model);
      await writeFile(files.config, JSON.stringify(config, null, 2), { mode: 0o600 });
      const { node, entry } = settings;
      const environment = gatewayEnvironment(settings, input, context, address, modelAddress.token, process.env);
      const child = GatewayProcess.start({ node, entry, directory: context.workspaceDirectory, environment, address });
      return new Gateway(gatewayIdentity(input), gate, child, address, parts);
    }
  }

  /** What the process printed last, fit for a log. */
  private get lastWords(): string {
    const secrets = { ...this.parts.input.environment, TOKEN: this.address.token };
    return this.process.printedWithout((piece) => redacted(piece, secrets));
  }

  get isAlive(): boolean {
    return this.process.isAlive && !this.isEnding;
  }

  async isReady(): Promise<boolean> {
    return this.isAlive && (await this.process.isReady());
  }

  async connection(): Promise<GatewayConnection> {
    const last = this.opening;
    const open = await last?.catch(() => null);
    if (open?.isOpen === true) return open;
    // Somebody else has found it closed too, and opens a new one.
    if (this.opening !== null && this.opening !== last) return await this.opening;
    if (!this.isAlive) throw new ConnectionLost("OpenClaw is not running.");
    this.opening = GatewayConnection.open(this.address, this.parts.onEvent);
    return await this.opening;
  }

  kill(): void {
    void this.stop({ now: true });
  }

  async crash(): Promise<RuntimeFailure> {
    await settledWithin(this.process.exited, EXIT_NOTICE_MS);
    if (saysDiskFull(this.process.printed)) return { kind: "disk_full", message: DISK_FULL };
    // Nobody here has sent it.
    if (this.process.ending?.signal !== "SIGKILL" || this.isEnding) return CRASHED;
    return {
      ...CRASHED,
      message: "OpenClaw was killed in the middle of the turn; most likely there was no memory left.",
    };
  }

  /**
   * Ends what the agent has left running, waits until the gateway writes nothing more and keeps it so, for at most two
   * minutes.
   *
   * @returns what ends that
   * @throws when something still runs after {@link DRAIN_TIMEOUT_MS}, or the gateway is gone
   */
  async suspend(): Promise<() => Promise<void>> {
    await this.process.killCommands();
    const connection = await this.connection();
    const call = async (method: string, parameters: object) =>
      vSuspension.parse(await connection.call(`gateway.suspend.${method}`, parameters, { timeoutMs: CALL_TIMEOUT_MS }));
    const requestId = randomUUID();
    const giveUpAtMs = monotonicMs() + DRAIN_TIMEOUT_MS;
    for (;;) {
      // Asked again with the same id, it renews what it has promised.
      const { status, suspensionId } = await call("prepare", { requestId, drain: true });
      if (status === "ready" && suspensionId !== undefined) {
        return async () => {
          await (
            await this.connection()
          ).call("gateway.suspend.resume", { suspensionId }, { timeoutMs: CALL_TIMEOUT_MS });
        };
      }
      if (monotonicMs() > giveUpAtMs) throw new Error("Something the agent has started is still running.");
      await sleep(DRAIN_POLL_MS);
    }
  }

  /** Never throws. */
  async stop({ now }: { now: boolean }): Promise<void> {
    this.isEnding = true;
    this.gate.close();
    await this.process.stop({ now });
    (await this.opening?.catch(() => null))?.close();
    await this.gate.stop();
  }
}

/**
 * Ends what a worker that died has left running on this state, and its locks: to OpenClaw, a lock counts while any process has the
 * number that stands in it, which after a restart of the machine is often the case.
 */
async function takeOver(stateDirectory: string): Promise<void> {
  await killMarked({ OPENCLAW_STATE_DIR: stateDirectory }).catch(() => {});
  await rm(join(stateDirectory, "tmp"), { recursive: true, force: true });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("The system gave no free port.");
  return address.port;
}
