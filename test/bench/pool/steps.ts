/** The steps of a plan at the provider, with the product's own code where it has some, and paced as the product paces them. */
import { machineSpec } from "../../../src/component/pool/machines.js";
import { resumeMachine, suspendMachine } from "../../../src/component/pool/power.js";
import { createMachine, destroyMachine } from "../../../src/component/pool/steps.js";
import { TokenBuckets } from "../../../src/component/providers/fly/rates.js";
import type { MachineState } from "../../../src/component/providers/provider.js";
import { REGION } from "./assumptions.js";
import type { Row } from "./fleet.js";
import type { Parts } from "./reconciler.js";

/** As in the product: see `src/component/pool/takeSteps.ts`. */
const STEPS_BUDGET_MS = 45_000;
const CONCURRENT_STEPS = 8;

export type Step =
  | { kind: "create"; row: Row }
  | { kind: "suspend" | "resume"; row: Row; machineId: string }
  | { kind: "destroy"; row: Row; machineId: string; state: MachineState | null; isYoung: boolean };

const OWNERSHIP = { deploymentUrl: "https://bench.convex.cloud", poolKey: "bench" };
const CONFIG = { kind: "fly" as const, appName: "bench", image: "worker", regions: [REGION] };

/** Side by side, each on its own. */
export async function takeSteps(parts: Parts, steps: Step[]): Promise<void> {
  const { time } = parts;
  const deadline = time.now + STEPS_BUDGET_MS;
  // Each run has a client of its own, and with it buckets that are full. Only creates are of one and the same bucket.
  const buckets = new TokenBuckets();
  const queue = [...steps];
  const worker = async () => {
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
      if (step.kind === "create") await time.pause(buckets.take("create", CONFIG.appName, time.now));
      await takeStep(parts, step, deadline);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_STEPS }, worker));
}

async function takeStep({ time, cloud, fleet }: Parts, step: Step, deadline: number): Promise<void> {
  const { row } = step;
  switch (step.kind) {
    case "create": {
      const { workerId, machineName } = row;
      const spawn = { workerId, machineName, enrollmentCredential: "" };
      const specFor = (region: string) => machineSpec(CONFIG, OWNERSHIP, { ...spawn, region });
      const outcome = await createMachine(cloud, CONFIG.regions, specFor, deadline);
      if (outcome.kind === "created") row.machineId = outcome.machine.machineId;
      else if (outcome.kind === "failed") fleet.move(row, "gone", time.now);
      return;
    }
    case "suspend":
      if (!(await suspendMachine(cloud, step.machineId)))
        throw new Error(`Machine ${step.machineId} refuses to sleep.`);
      return;
    case "resume": {
      const { kind } = await resumeMachine(cloud, step.machineId, deadline);
      if (kind !== "started") throw new Error(`Machine ${step.machineId} does not wake up: ${kind}.`);
      return;
    }
    case "destroy": {
      const { machineId, state, isYoung } = step;
      const isGone = await destroyMachine(cloud, machineId, { state, isYoung, deadline });
      if (isGone) fleet.move(row, "gone", time.now);
    }
  }
}
