/** The errors of the Machines API with the words and statuses that Fly uses; a client may match on either. */
import { type JsonObject } from "./json.js";

/** An answer that is not a success. `statusCode` is the body's `status`, which clients are told to trust before the text. */
export class ApiError extends Error {
  constructor(
    readonly httpStatus: number,
    message: string,
    readonly statusCode: string = "unknown",
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = "ApiError";
  }

  body(): JsonObject {
    return { error: this.message, status: this.statusCode };
  }
}

export const invalidArgument = (detail: string): ApiError => new ApiError(400, `invalid_argument: ${detail}`);

export const unauthenticated = (): ApiError =>
  new ApiError(401, "unauthenticated: the token is missing, wrong or revoked");

export const notFound = (what: string): ApiError => new ApiError(404, `not_found: ${what} not found`);

export const failedPrecondition = (detail: string): ApiError => new ApiError(412, `failed_precondition: ${detail}`);

export const nameTaken = (id: string, name: string): ApiError =>
  new ApiError(
    409,
    `already_exists: unique machine name violation, machine ID ${id} already exists with name "${name}"`,
    "name_taken",
  );

export const leaseHeld = (id: string, owner: string, expiresAtMs: number): ApiError =>
  new ApiError(
    409,
    `machine ID ${id} lease currently held by ${owner}, expires at ${new Date(expiresAtMs).toISOString()}`,
  );

export const concurrentUpdate = (): ApiError =>
  new ApiError(409, "aborted: machine update failed due to concurrent update");

export const rateLimited = (retryAfterSeconds: number | undefined): ApiError =>
  new ApiError(
    429,
    "resource_exhausted: rate limit exceeded",
    "unknown",
    retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) },
  );

export const waitExpired = (wanted: string, current: string): ApiError =>
  new ApiError(408, `deadline_exceeded: machine failed to reach desired state, ${wanted}, currently ${current}`);

export const hostUnreachable = (): ApiError =>
  new ApiError(408, "deadline_exceeded: the host of this machine did not answer");

/** Every way in which Fly says that there is no room; each wants another reaction from a client. */
export const CAPACITY_ERRORS = {
  insufficient_capacity: (where: string) =>
    new ApiError(422, `insufficient capacity to create a machine in ${where}`, "insufficient_capacity"),
  no_capacity: () => new ApiError(409, "aborted: no capacity"),
  could_not_reserve: () =>
    new ApiError(
      409,
      "aborted: could not reserve resource for machine: insufficient memory available to fulfill request on the current host",
    ),
  volume_placement_capacity: (volume: string) =>
    new ApiError(
      412,
      `insufficient resources to create new machine with existing volume '${volume}'`,
      "volume_placement_capacity",
    ),
  volume_no_capacity: () => new ApiError(400, "no capacity"),
} as const;

export type CapacityErrorName = keyof typeof CAPACITY_ERRORS;
