/** The one error type that an endpoint throws on purpose: a status, a code that clients may test for, and a sentence for people. */

export class HttpError extends Error {
  override readonly name = "HttpError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** What a client is told about any error: the details only of those that were thrown for it. */
export function describeError(error: unknown): { status: number; code: string; message: string } {
  if (error instanceof HttpError) {
    return { status: error.status, code: error.code, message: error.message };
  }
  return {
    status: 500,
    code: "InternalServerError",
    message: "The backend failed to handle this request. See its log.",
  };
}
