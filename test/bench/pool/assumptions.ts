/** Everything the simulation assumes about the world: what Fly charges, and how long things take. */
import { DEFAULT_GUEST } from "../../../src/shared/provider-config.js";
import { ROOTFS_GB_HOUR, startedSecondPrice } from "../../../dev/fly-emulator/billing/prices.js";
import type { Range } from "./random.js";

/** Fly's cheapest region, so that every price here is a lower bound. Ratios between policies are the same in all of them. */
export const REGION = "iad";
export const GUEST = DEFAULT_GUEST;
/** Node, an agent runtime with its packages, and a few tools. */
export const ROOTFS_GB = 1;

export const USD_PER_STARTED_SECOND = startedSecondPrice(GUEST, REGION);
/** A machine that is stopped or suspended. */
export const USD_PER_RESTING_SECOND = (ROOTFS_GB * ROOTFS_GB_HOUR) / 3_600;

/**
 * Durations in ms, each drawn evenly from its range.
 *
 * Those of the cloud follow Fly's documentation: a create takes up to low tens of seconds, a start from stopped well under
 * a second, a resume a few hundred milliseconds. It publishes no distributions; the ranges are ours, and the same for all
 * policies. Those of a worker are what its stages take on a small machine.
 */
export const DURATIONS = {
  /** A call of Fly's API, there and back. */
  call: [100, 400],
  /** From the answer to a create until the machine has started: placing it, pulling its image, booting. */
  create: [6_000, 20_000],
  suspend: [500, 2_000],
  resume: [200, 600],
  /** From the goodbye of a process until its machine has stopped. */
  stop: [200, 1_000],
  destroy: [500, 1_500],
  /** From a started machine until its worker has enrolled: process, connection, credential. */
  workerBoot: [2_000, 5_000],
  /** From a thawed machine until its worker has been heard of: it notices the jump of the clock and connects anew. */
  thaw: [200, 800],
  /** From a message that may run until a worker that is subscribed has claimed it. */
  claim: [30, 120],
  /** Fetching and unpacking a workspace that the machine does not have. */
  restore: [500, 2_500],
  /** One query or mutation of the backend. */
  backend: [10, 40],
} as const satisfies Record<string, Range>;
