/** The steps at the provider about volumes: making one with its machine, and seeing one gone. What is not certain is looked up, never guessed. */
import { ProviderError } from "../../providers/provider.js";
import type { MachineSpec, ObservedVolume, Provider, VolumeSpec } from "../../providers/provider.js";
import { BUSY_PAUSE_MS, CREATE_TRIES, createMachine, MAX_PAUSE_MS, OPEN_TRIES, pause } from "../steps.js";
import type { CreateOutcome } from "../steps.js";

/** Looks that an unanswered create is worth before its machine is given up: a look that fails says nothing. */
const LOOKS = 3;

export type Wish = {
  volume: Omit<VolumeSpec, "region">;
  /** The machine that goes with a volume, where that is. */
  machineFor: (volume: Pick<ObservedVolume, "volumeId" | "region">) => MachineSpec;
};

/** `isSettled`: no volume of that name exists, or can come to be, but the one that the machine mounts. */
export type VolumeCreateOutcome = CreateOutcome & { isSettled: boolean };

/**
 * Creates a volume in the first region that has room for both, and the machine beside it, until `deadline` (ms) at the latest.
 *
 * Names of volumes are not unique, so a create whose answer is lost is followed by a look for exactly that name; as long as
 * there is no answer to that, no machine is asked for.
 */
export async function createMachineWithVolume(
  provider: Provider,
  regions: string[],
  { volume: spec, machineFor }: Wish,
  deadline: number,
): Promise<VolumeCreateOutcome> {
  const fullRegions: string[] = [];
  let isSettled = true;
  let lastError: ProviderError | null = null;
  for (const region of regions) {
    const made = await createVolume(provider, { ...spec, region }, deadline);
    isSettled &&= made.isSettled;
    if (made.kind !== "created") {
      const { kind, error } = made;
      if (error.kind === "no_capacity") fullRegions.push(region);
      if (kind === "unknown" || error.kind !== "no_capacity") return { kind, error, fullRegions, isSettled };
      lastError = error;
    } else {
      // Beginning anything that takes as long as a create may take would be too late for this run.
      if (Date.now() >= deadline) return { kind: "failed", error: tooSlow(), fullRegions, isSettled };
      const machine = machineFor(made.volume);
      const outcome = await createMachine(provider, [made.volume.region], () => machine, deadline);
      fullRegions.push(...outcome.fullRegions);
      if (outcome.kind === "created") {
        const { volumeId = made.volume.volumeId } = outcome.machine;
        return { kind: "created", machine: { ...outcome.machine, volumeId }, fullRegions, isSettled };
      }
      if (outcome.kind === "unknown" || outcome.error.kind !== "no_capacity") {
        return { ...outcome, fullRegions, isSettled };
      }
      lastError = outcome.error;
      const discarded = Date.now() < deadline ? await discard(provider, made.volume, machine) : "left";
      // Somebody uses what was refused: an answer was not what it seemed, and the next look decides.
      if (discarded === "in_use") return { kind: "unknown", error: lastError, fullRegions, isSettled };
      isSettled &&= discarded === "deleted";
    }
    if (Date.now() >= deadline) break;
  }
  if (lastError === null) throw new Error("A pool without regions cannot create machines.");
  return { kind: "failed", error: lastError, fullRegions, isSettled };
}

type CreatedVolume = (
  { kind: "created"; volume: ObservedVolume } | { kind: "unknown" | "failed"; error: ProviderError }
) & {
  isSettled: boolean;
};

async function createVolume(provider: Provider, spec: VolumeSpec, deadline: number): Promise<CreatedVolume> {
  let openTries = 0;
  let lastError: ProviderError | null = null;
  for (let attempt = 0; attempt < CREATE_TRIES && (lastError === null || Date.now() < deadline); attempt++) {
    try {
      const volume = await provider.createVolume(spec);
      return { kind: "created", volume, isSettled: openTries === 0 };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      lastError = error;
    }
    if (lastError.kind === "ambiguous") {
      openTries += 1;
      const found = await findCreated(provider, spec, deadline);
      if (found === "unanswered") break;
      const [volume] = found;
      // A list lags: one that shows none of several creates may show the others later.
      if (volume !== undefined) return { kind: "created", volume, isSettled: openTries === 1 && found.length === 1 };
      if (openTries >= OPEN_TRIES) break;
    } else if (lastError.kind !== "busy") {
      break;
    }
    await pause(Math.min(lastError.details.retryAfterMs ?? BUSY_PAUSE_MS, MAX_PAUSE_MS));
  }
  if (lastError === null) throw new Error("A create must be tried at least once.");
  return { kind: openTries > 0 ? "unknown" : "failed", error: lastError, isSettled: openTries === 0 };
}

/** The volumes of exactly that name that a machine there could mount, the oldest first; `unanswered` when nobody says. */
async function findCreated(
  provider: Provider,
  { name, region }: VolumeSpec,
  deadline: number,
): Promise<ObservedVolume[] | "unanswered"> {
  for (let look = 0; look < LOOKS && (look === 0 || Date.now() < deadline); look++) {
    try {
      const volumes = await provider.listVolumes();
      return volumes
        .filter((volume) => volume.name === name && volume.region === region)
        .filter(({ state, attachedMachineId }) => state === "ready" && attachedMachineId === null)
        .sort((left, right) => left.createdAt - right.createdAt);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
    }
    await pause(BUSY_PAUSE_MS);
  }
  return "unanswered";
}

/** Deletes a volume beside which its machine found no room, if it is sure that the machine does not exist after all. */
async function discard(
  provider: Provider,
  { volumeId }: ObservedVolume,
  { name, metadata }: MachineSpec,
): Promise<"deleted" | "in_use" | "left"> {
  try {
    const machines = await provider.listMachines(metadata);
    if (machines.some((machine) => machine.name === name && machine.state !== "gone")) return "in_use";
    const fresh = await provider.getVolume(volumeId);
    if (fresh === null || fresh.state === "leaving") return "deleted";
    if (fresh.attachedMachineId !== null) return "in_use";
    const { status } = await provider.deleteVolume(volumeId);
    return status >= 200 && status < 300 ? "deleted" : "left";
  } catch (error) {
    // Its row stays until it is gone, whatever becomes of its worker.
    if (error instanceof ProviderError) return "left";
    throw error;
  }
}

function tooSlow(): ProviderError {
  return new ProviderError("busy", "The provider was too slow.", { status: 0, requestId: null });
}

/** `why` says what is in the way. */
export type Removed = { kind: "gone" } | { kind: "left"; why: string };

/**
 * Deletes a volume after a fresh look at it, and confirms. Every step may be repeated at any point.
 *
 * @param name the name it must have: an id alone proves nothing
 */
export async function removeVolume(provider: Provider, volumeId: string, name: string): Promise<Removed> {
  const fresh = await provider.getVolume(volumeId);
  if (fresh === null || fresh.state === "leaving" || fresh.name !== name) return { kind: "gone" };
  if (fresh.attachedMachineId !== null) {
    return { kind: "left", why: `It is attached to machine ${fresh.attachedMachineId}.` };
  }
  if (fresh.state !== "ready") return { kind: "left", why: "It is in a state in which nothing is deleted." };
  const answer = await provider.deleteVolume(volumeId);
  const after = await provider.getVolume(volumeId);
  return after === null || after.state === "leaving" ? { kind: "gone" } : { kind: "left", why: answer.message };
}
