/** What the tests of the Fly client share: a machine to make, one as the API shows it, and the error of a call that fails. */
import { ProviderError, type MachineSpec } from "../../src/component/providers/provider.js";

/** With characters that a careless escape would change. */
export const TOKEN = "FlyV1 fm2_canary-token/with+signs==";

export const SPEC: MachineSpec = {
  name: "default-w1-g1",
  image: "registry.fly.io/worker@sha256:abc",
  region: "fra",
  guest: { cpuKind: "shared", cpus: 2, memoryMb: 512 },
  environment: { URL: "https://x.convex.cloud" },
  files: { "/run/credential": "gehört niemandem" },
  metadata: { owner: "pool" },
  stopTimeoutSeconds: 30,
};
export const MACHINE = {
  id: "m1",
  name: "default-w1-g1",
  state: "started",
  region: "fra",
  created_at: "2026-05-01T10:00:00Z",
};

export async function errorOf(call: Promise<unknown>): Promise<ProviderError> {
  const error = await call.then(
    () => new Error("It did not fail."),
    (thrown: unknown) => thrown,
  );
  if (error instanceof ProviderError) return error;
  throw error;
}
