/** The two ways a call can fail without the backend having decided anything, as opposed to a typed `ConvexError`. */

/** No answer: not connected, or silent for too long. Whether the call took effect is unknown. Worth repeating. */
export class BackendUnavailable extends Error {
  override readonly name = "BackendUnavailable";
}

/** The backend answered, with an error that is not typed: a conflict that was retried too often, a deploy, a bug. */
export class BackendFailure extends Error {
  override readonly name = "BackendFailure";
}
