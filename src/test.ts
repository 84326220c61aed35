/// <reference types="vite/client" />
/** Helpers for an app's own tests with convex-test: the component registered, and a worker without a machine. */
import { register as registerBatchWorker } from "@convex-dev/batch-worker/test";
import type { TestConvex } from "convex-test";
import { componentsGeneric, type GenericSchema, type SchemaDefinition } from "convex/server";
import type { internal } from "./component/_generated/api.js";
import type { ComponentApi } from "./component/_generated/component.js";
import schema from "./component/schema.js";
import { randomToken, sha256Hex } from "./component/digest.js";
import type { ScalingPolicy } from "./shared/provider-config.js";
import type { Enrollment } from "./shared/worker-protocol.js";

const modules = import.meta.glob("./component/**/*.ts");

type Test = TestConvex<SchemaDefinition<GenericSchema, boolean>>;

/** Registers the component with the one it uses itself; `name` is the one `app.use` gives it. */
export function register(t: Test, name = "agentFactory"): void {
  t.registerComponent(name, schema, modules);
  registerBatchWorker(t, `${name}/batchWorker`);
}

export type TestWorkerOptions = {
  /** The name given to {@link register}. */
  name?: string;
  /** What the worker is spawned with: isolation, capacity, lease duration, ... */
  policy?: Partial<ScalingPolicy>;
};

export type TestWorker = { workerId: string; workerToken: string; enrollment: Enrollment };

/** convex-test runs a component's internal functions for an app too, which is how a worker can exist without a provider. */
type TestedComponent = ComponentApi & { pool: { internal: typeof internal.pool.internal } };

function componentUnderTest(name: string): TestedComponent {
  // References are made by name at run time; which component the name stands for is what `register` has just said.
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion
  const components = componentsGeneric() as unknown as Record<string, TestedComponent>;
  const component = components[name];
  if (component === undefined) throw new Error(`No component "${name}". Call register(t, "${name}") first.`);
  return component;
}

const TEST_PROVIDER = { kind: "local" as const, appName: "test", image: "test", regions: ["fra"] };

/**
 * Spawns a worker row as the pool does and enrolls it, without any machine: call the `worker*` functions with the
 * credentials it returns. The pool's `minWorkers` is left one higher, so that nothing drains it.
 */
export async function enrollTestWorker(t: Test, options: TestWorkerOptions = {}): Promise<TestWorker> {
  const name = options.name ?? "agentFactory";
  const { lib, pool } = componentUnderTest(name);
  const workerId = `wtest${crypto.randomUUID().slice(0, 8)}`;
  const enrollmentCredential = randomToken();
  const workerToken = randomToken();
  return await t.action(async (ctx) => {
    const config = await ctx.runQuery(lib.providerRuntimeConfig, {});
    if (config === null) await ctx.runMutation(lib.setProviderRuntimeConfig, { providerConfig: TEST_PROVIDER });
    const policy = { ...(await ctx.runQuery(lib.scalingPolicy, {})), ...options.policy };
    const live = (await ctx.runQuery(lib.workerStats, {})).workers;
    const usable = live.filter(({ status }) => status === "active" || status === "starting").length;
    await ctx.runMutation(lib.setScalingPolicy, {
      scalingPolicy: {
        ...policy,
        minWorkers: usable + 1,
        maxWorkers: Math.max(policy.maxWorkers, live.length + 1),
      },
    });
    const machines = live.map(({ machineName }) => ({
      machineId: `machine-of-${machineName}`,
      name: machineName ?? "",
      region: "fra",
      state: "running" as const,
      metadata: {},
      createdAt: Date.now(),
      home: "local:test",
    }));
    const poolKey = "default";
    const credentialHash = await sha256Hex(enrollmentCredential);
    const run = await ctx.runMutation(pool.internal.commit, {
      poolKey,
      machines,
      unlistedHomes: [],
      tickets: [{ workerId, credentialHash }],
    });
    // The run ends here, without the machine it asked for; left open, it would keep the next one from spawning.
    const outcome = { stoodAside: false, problem: null, backOff: false, fullRegions: [], nextAt: null, isFull: false };
    const generation = run?.generation ?? null;
    await ctx.runMutation(pool.internal.finish, { poolKey, startedAt: Date.now(), generation, ...outcome });
    const enrollment = await ctx.runMutation(lib.enrollWorker, { workerId, workerToken, enrollmentCredential });
    return { workerId, workerToken, enrollment };
  });
}
