/** Runs what the `crons.ts` of the app and its components ask for. */
import { jsonToConvex, type JSONValue, type Value } from "convex/values";
import { z } from "zod";
import { callByKind, titleOf } from "./call-function.js";
import type { Alarm, Clock } from "./clock.js";
import { nextRun, vCronSchedule, type CronSchedule } from "./cron-times.js";
import { describeFailure } from "./function-errors.js";
import { normalizeFunctionPath } from "./functions.js";
import type { LoadedInstance } from "./instance-modules.js";
import { createInvocation, recordLog } from "./invocation.js";
import type { JobSurroundings } from "./run-job.js";

const vCrons = z.looseObject({
  crons: z.record(
    z.string(),
    z.looseObject({
      name: z.string(),
      args: z.tuple([z.custom<JSONValue>((value) => value !== undefined)]),
      schedule: vCronSchedule,
    }),
  ),
});

interface Cron {
  /** Component path and name: under this its last run is saved. */
  key: string;
  name: string;
  componentPath: string;
  functionPath: string;
  args: Record<string, Value>;
  schedule: CronSchedule;
  alarm: Alarm;
  running: Promise<void> | null;
}

export class Crons {
  private readonly crons: Cron[] = [];
  private isStarted = false;

  /**
   * @param lastRuns by {@link Cron.key}, in ms.
   * @param saveRun saves, before it begins, that a run has begun: a crash must not make it run again and again.
   * @throws if a `crons.ts` does not export what `cronJobs()` returned.
   */
  constructor(
    instances: Iterable<LoadedInstance>,
    private readonly clock: Clock,
    private readonly surroundings: JobSurroundings,
    private readonly lastRuns: ReadonlyMap<string, number>,
    private readonly saveRun: (key: string, time: number) => void,
  ) {
    for (const { instance, modules } of instances) {
      const module = modules.get("crons");
      if (module === undefined) continue;
      const parsed = vCrons.safeParse(module["default"]);
      if (!parsed.success) {
        throw new Error(
          `${instance.directory}/crons must export cronJobs() by default: ${z.prettifyError(parsed.error)}`,
        );
      }
      for (const [name, { name: functionPath, args, schedule }] of Object.entries(parsed.data.crons)) {
        const cron: Cron = {
          key: `${instance.path}:${name}`,
          name,
          componentPath: instance.path,
          functionPath: normalizeFunctionPath(functionPath),
          // `cronJobs()` has encoded the one object it was given.
          args: jsonToConvex(args[0]) as Record<string, Value>,
          schedule,
          alarm: clock.createAlarm(() => this.ring(cron)),
          running: null,
        };
        this.crons.push(cron);
      }
    }
  }

  start(): void {
    this.isStarted = true;
    for (const cron of this.crons) this.arm(cron, this.lastRuns.get(cron.key) ?? null);
  }

  stop(): void {
    this.isStarted = false;
    for (const { alarm } of this.crons) alarm.clear();
  }

  get inFlight(): readonly Promise<void>[] {
    return this.crons.flatMap(({ running }) => running ?? []);
  }

  private arm(cron: Cron, lastRun: number | null): void {
    if (this.isStarted) cron.alarm.set(nextRun(cron.schedule, cron.name, lastRun, this.clock.now()));
  }

  private ring(cron: Cron): void {
    // At most one run at a time: a turn that comes while one is still running is left out.
    if (cron.running === null) {
      cron.running = this.run(cron).finally(() => {
        cron.running = null;
      });
    }
    this.arm(cron, this.clock.now());
  }

  private async run({ key, name, componentPath, functionPath, args }: Cron): Promise<void> {
    const { internals, functions, invocations, sourceRoot, log } = this.surroundings;
    const kind = functions.find(componentPath, functionPath)?.kind;
    const title =
      kind === undefined || kind === "httpAction" ? functionPath : titleOf(kind, componentPath, functionPath);
    const invocation = createInvocation(title);
    const metadata = {
      ip: null,
      userAgent: null,
      requestId: `cron ${name}`,
      scheduledFunctionId: null,
      authToken: null,
    };
    try {
      this.saveRun(key, this.clock.now());
      if (kind === undefined || kind === "httpAction") {
        throw new Error(`The cron "${name}" names ${functionPath}, which is no query, mutation or action.`);
      }
      await invocations.run(invocation, () =>
        internals.requestStorage.run(metadata, () =>
          callByKind(internals.accessor, kind, { componentPath, udfPath: functionPath }, args),
        ),
      );
    } catch (error) {
      recordLog(invocation, "ERROR", [describeFailure(error, sourceRoot).errorMessage], log);
    }
  }
}
