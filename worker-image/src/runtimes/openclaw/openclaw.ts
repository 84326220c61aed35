/** The runtime that is OpenClaw: a gateway of its own for each conversation, which answers that one conversation. */
import { errorMessage } from "../../logger.js";
import type { Excludes } from "../../snapshots/tree-scan.js";
import {
  RuntimeNotStarted,
  type Runtime,
  type RuntimeCapabilities,
  type RuntimeContext,
  type RuntimeEvent,
  type RuntimeFailure,
  type RuntimeKind,
  type StartInput,
  type TurnInput,
} from "../runtime.js";
import { isFirstMessage, withEarlierTurns } from "./earlier-turns.js";
import { Gateway, gatewayIdentity } from "./gateway.js";
import { readPictures } from "./pictures.js";
import { Run, type RunRequest } from "./run.js";
import { readOpenClawSettings, type OpenClawSettings } from "./settings.js";

/** The worker waits two minutes for a runtime; a gateway on a small and busy machine has taken 50 s. */
const START_TIMEOUT_MS = 110_000;

const STOPPED: RuntimeFailure = { kind: "runtime_crashed", message: "OpenClaw was stopped in the middle of the turn." };

/** Locks, sockets and caches, which are made anew; and the memory that databases share while they are open. */
const EXCLUDES: Excludes = {
  paths: [
    "state/tmp",
    "state/logs",
    "state/plugin-skills",
    "state/state/openclaw.sqlite-shm",
    "state/agents/main/agent/openclaw-agent.sqlite-shm",
  ],
  names: [],
};

export const openClawRuntimeKind: RuntimeKind = {
  configure(environment) {
    const settings = readOpenClawSettings(environment);
    return (context) => new OpenClawRuntime(context, settings);
  },
};

class OpenClawRuntime implements Runtime {
  readonly capabilities: RuntimeCapabilities = { streamsText: true, reportsTools: true, usageUnit: "tokens" };
  private gateway: Gateway | null = null;
  private run: Run | null = null;
  private starting = new AbortController();
  private booting: Promise<void> | null = null;

  constructor(
    private readonly context: RuntimeContext,
    private readonly settings: OpenClawSettings,
  ) {}

  async start(input: StartInput): Promise<void> {
    if (this.gateway?.isAlive === true && this.gateway.identity === gatewayIdentity(input)) return;
    await this.stop();
    this.starting = new AbortController();
    this.booting = this.boot(input, this.starting.signal);
    await this.booting;
  }

  async health(): Promise<{ isHealthy: boolean; detail?: string }> {
    if (this.gateway === null) return { isHealthy: false, detail: "OpenClaw has not been started." };
    if (await this.gateway.isReady()) return { isHealthy: true };
    return { isHealthy: false, detail: this.gateway.isAlive ? "OpenClaw is not ready." : "OpenClaw has ended." };
  }

  async *runTurn(input: TurnInput): AsyncGenerator<RuntimeEvent> {
    const { gateway } = this;
    if (gateway === null || this.run !== null) {
      const message = gateway === null ? "The runtime has not been started." : "A turn is running already.";
      yield { type: "error", failure: { kind: "unknown", message } };
      return;
    }
    const prepare = () => this.request(input);
    const run = new Run(input, gateway, this.settings.turnTimeoutSeconds, this.context.logger, prepare);
    this.run = run;
    gateway.gate.open(input.environment[this.settings.model.keyVariable] ?? null);
    try {
      yield* run.run();
    } finally {
      gateway.gate.close();
      this.run = null;
    }
  }

  async abort(turnId: string): Promise<void> {
    if (this.run?.turnId === turnId) await this.run.abort();
  }

  async quiesce(): Promise<() => Promise<void>> {
    const { gateway } = this;
    if (gateway === null) return async () => {};
    try {
      const resume = await gateway.suspend();
      return async () => {
        await resume().catch((error: unknown) => this.endGateway(gateway, error));
      };
    } catch (error) {
      // What has ended writes nothing either; the next turn starts it again.
      await this.endGateway(gateway, error);
      return async () => {};
    }
  }

  async stop(): Promise<void> {
    this.starting.abort();
    // Its error is told to whoever waits for the start.
    await this.booting?.catch(() => {});
    const { gateway, run } = this;
    this.gateway = null;
    run?.end(STOPPED);
    // The files of half a turn are used by nobody, so it need not end in an orderly way.
    await gateway?.stop({ now: run !== null });
  }

  snapshotExcludes(): Excludes {
    return EXCLUDES;
  }

  private async request({ message, history, attachments }: TurnInput): Promise<RunRequest> {
    const { stateDirectory, workspaceDirectory, logger } = this.context;
    const { sendsPictures, model } = this.settings;
    return {
      message: (await isFirstMessage(stateDirectory))
        ? withEarlierTurns(message, history, model.contextTokens)
        : message,
      attachments: sendsPictures ? await readPictures(attachments, workspaceDirectory, logger) : [],
    };
  }

  private async boot(input: StartInput, stopped: AbortSignal): Promise<void> {
    const gateway = await Gateway.start({
      settings: this.settings,
      context: this.context,
      input,
      onEvent: (event, payload) => this.run?.onEvent(event, payload),
      signal: AbortSignal.any([stopped, AbortSignal.timeout(START_TIMEOUT_MS)]),
    });
    if (stopped.aborted) {
      await gateway.stop({ now: true });
      throw new RuntimeNotStarted("OpenClaw was stopped while it started.", "runtime_crashed");
    }
    this.gateway = gateway;
  }

  private async endGateway(gateway: Gateway, why: unknown): Promise<void> {
    this.context.logger.warn({ reason: errorMessage(why) }, "OpenClaw is ended, to be started anew.");
    if (this.gateway === gateway) this.gateway = null;
    await gateway.stop({ now: false });
  }
}
