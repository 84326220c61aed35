/** Shows that what is simulated is the product: with another plan, lifecycle or step in its place the result is another. */
import { afterEach, describe, expect, it, vi } from "vitest";
import * as planning from "../../../src/component/pool/plan/plan.js";
import * as lifecycle from "../../../src/component/workers/lifecycle.js";
import * as power from "../../../src/component/pool/power.js";
import * as steps from "../../../src/component/pool/steps.js";
import { policyOf } from "./policies.js";
import { simulateProduct } from "./product.js";
import { makeTrace } from "./traces.js";

vi.mock("../../../src/component/pool/plan/plan.js", { spy: true });
vi.mock("../../../src/component/pool/power.js", { spy: true });
vi.mock("../../../src/component/pool/steps.js", { spy: true });
vi.mock("../../../src/component/workers/lifecycle.js", { spy: true });

const trace = makeTrace("hot_user", 1);
const policy = policyOf("conversation", { warmWorkers: 0, suspendAfterMs: 10_000, retireAfterMs: 60_000 });

afterEach(() => {
  vi.resetAllMocks();
});

describe("the product's pool, simulated", () => {
  it("does what the product's plan says, and nothing when that says nothing", async () => {
    vi.mocked(planning.plan).mockReturnValue([]);
    const { meter, waits } = await simulateProduct(trace, policy, 1);
    expect(meter.peakMachines).toBe(0);
    expect(waits).toEqual([]);
  });

  it("looks again when the product says that it must", async () => {
    vi.mocked(planning.nextDeadline).mockReturnValue(null);
    const { meter } = await simulateProduct(trace, policy, 1);
    // Without a deadline nobody notices in the end that workers are idle, and they run for the rest of the time.
    vi.mocked(planning.nextDeadline).mockReset();
    const usual = await simulateProduct(trace, policy, 1);
    expect(meter.bill().machineSeconds).toBeGreaterThan(2 * usual.meter.bill().machineSeconds);
  });

  it("moves workers by the product's lifecycle alone", async () => {
    const refused: string[] = [];
    vi.mocked(lifecycle.nextWorkerStatus).mockImplementation((status, event) => {
      refused.push(`${event} while ${status}`);
      return null;
    });
    // Machines whose worker may not enroll end, and nothing in a simulation should.
    await expect(simulateProduct(trace, policy, 1)).rejects.toThrow("ended before it enrolled");
    expect(refused).toContain("enrolled while starting");
  });

  it("creates and destroys, suspends and resumes machines with the product's own steps", async () => {
    const { actions } = await simulateProduct(trace, policy, 1);
    expect(vi.mocked(steps.createMachine)).toHaveBeenCalledTimes(actions["spawn"] ?? NaN);
    expect(vi.mocked(power.suspendMachine)).toHaveBeenCalledTimes(actions["suspend"] ?? NaN);
    expect(vi.mocked(power.resumeMachine)).toHaveBeenCalledTimes(actions["resume"] ?? NaN);
    expect(vi.mocked(steps.destroyMachine)).toHaveBeenCalled();
  });
});
