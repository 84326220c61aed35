/** Turns a spawn intent into a machine's description, and says by what a machine of this pool is recognized. */
import { hashText } from "../../shared/backoff.js";
import { DEFAULT_GUEST, type ProviderConfig } from "../../shared/provider-config.js";
import {
  DEFAULT_ENROLLMENT_FILE,
  DEFAULT_FUNCTIONS_MODULE,
  WORKER_ENVIRONMENT,
} from "../../shared/worker-environment.js";
import type { MachineSpec } from "../providers/provider.js";

/** Time a worker gets to leave a turn, upload and say goodbye before its process is killed. */
export const STOP_TIMEOUT_SECONDS = 30;

/** The same text as long as new machines would be like those made before; where they are is nothing to replace them for. */
export function configKeyOf({ image, guest, environment, functionsModule, volume }: ProviderConfig): string {
  const entries = Object.entries(environment ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
  // What a volume is called makes no difference to whoever works on it.
  const disk = volume === undefined ? [] : [volume.path, volume.sizeGb];
  const parts = [guest ?? DEFAULT_GUEST, entries, functionsModule ?? DEFAULT_FUNCTIONS_MODULE, ...disk];
  return `${image}#${hashText(JSON.stringify(parts))}`;
}

export type Ownership = { deploymentUrl: string; poolKey: string };

/**
 * The metadata that every machine of this pool carries, and no other: two deployments, or two pools, in one Fly app never
 * touch each other's machines.
 */
export function ownershipMetadata({ deploymentUrl, poolKey }: Ownership): Record<string, string> {
  return {
    "agent-factory": "worker",
    "agent-factory-deployment": deploymentUrl,
    "agent-factory-pool": poolKey,
  };
}

const WORKER_KEY = "agent-factory-worker";

export function workerMetadata(ownership: Ownership, workerId: string): Record<string, string> {
  return { ...ownershipMetadata(ownership), [WORKER_KEY]: workerId };
}

/** `null` when the machine does not say. */
export function workerIdOf(metadata: Record<string, string>): string | null {
  return metadata[WORKER_KEY] ?? null;
}

export function hasMetadata(actual: Record<string, string>, expected: Record<string, string>): boolean {
  return Object.entries(expected).every(([key, value]) => actual[key] === value);
}

export function machineSpec(
  config: ProviderConfig,
  ownership: Ownership,
  spawn: { workerId: string; machineName: string; enrollmentCredential: string; region: string; volumeId?: string },
): MachineSpec {
  const { volumeId } = spawn;
  const { volume } = config;
  return {
    name: spawn.machineName,
    image: config.image,
    region: spawn.region,
    guest: config.guest ?? DEFAULT_GUEST,
    environment: {
      ...config.environment,
      ...(volume === undefined ? {} : { [WORKER_ENVIRONMENT.dataDirectory]: volume.path }),
      [WORKER_ENVIRONMENT.convexUrl]: ownership.deploymentUrl,
      [WORKER_ENVIRONMENT.functionsModule]: config.functionsModule ?? DEFAULT_FUNCTIONS_MODULE,
      [WORKER_ENVIRONMENT.workerId]: spawn.workerId,
      [WORKER_ENVIRONMENT.enrollmentFile]: DEFAULT_ENROLLMENT_FILE,
    },
    // Worth nothing once used, and bound to this one worker: a file because a machine's environment is shown to everybody
    // who may list machines.
    files: { [DEFAULT_ENROLLMENT_FILE]: spawn.enrollmentCredential },
    metadata: workerMetadata(ownership, spawn.workerId),
    ...(volume === undefined || volumeId === undefined ? {} : { volume: { volumeId, path: volume.path } }),
    stopTimeoutSeconds: STOP_TIMEOUT_SECONDS,
  };
}
