/** Who may call what: the app's `auth` is asked first, and nothing a caller claims about themselves is believed. */
import type { Auth } from "convex/server";
import { agentFactoryError } from "../shared/errors.js";

/** What is about to happen, told to the app's `auth`. */
export type Operation = {
  /** The function's name as `exposeApi` returns it. */
  name: string;
  audience: "user" | "admin";
  access: "read" | "write";
  /** What it is about; absent where the function is not about one, or was not told which. */
  consumerUserId?: string | undefined;
  agentKey?: string | undefined;
  conversationId?: string | undefined;
};

/** What `auth` found out about the caller. */
export type Caller = { userId: string; isAdmin: boolean };

/** The part of a Convex function's context that `auth` may use, in queries, mutations and actions alike. */
export type AuthCtx = { auth: Auth };

/** Answers who is calling, or `null` for nobody. Throwing means the same as `null`. */
export type Authenticate = (ctx: AuthCtx, operation: Operation) => Promise<Caller | null> | Caller | null;

/** @throws `unauthorized` when nobody is signed in; the app's own error never reaches the client */
async function requireCaller(authenticate: Authenticate, ctx: AuthCtx, operation: Operation): Promise<Caller> {
  // The app's code may be JavaScript: only what certainly names somebody counts, and only `true` is an administrator.
  let answer: { userId?: unknown; isAdmin?: unknown } = {};
  try {
    const caller = await authenticate(ctx, operation);
    // Read once: what was checked is what counts.
    if (caller !== null) answer = { userId: caller.userId, isAdmin: caller.isAdmin };
  } catch {
    // A check that cannot answer has not said yes.
  }
  const { userId, isAdmin } = answer;
  if (typeof userId !== "string" || userId === "") {
    throw agentFactoryError("unauthorized", "Sign in first: this call is for signed-in users.");
  }
  return { userId, isAdmin: isAdmin === true };
}

/** @throws `unauthorized`, `forbidden` */
export async function requireAdmin(
  authenticate: Authenticate,
  ctx: AuthCtx,
  operation: Omit<Operation, "audience">,
): Promise<Caller> {
  const caller = await requireCaller(authenticate, ctx, { ...operation, audience: "admin" });
  if (!caller.isAdmin) throw agentFactoryError("forbidden", `${operation.name} is for administrators.`);
  return caller;
}

/** Users reach what is theirs, administrators what is anybody's. @throws `unauthorized`, `forbidden` */
export async function requireOwner(
  authenticate: Authenticate,
  ctx: AuthCtx,
  operation: Omit<Operation, "audience"> & { consumerUserId: string },
): Promise<Caller> {
  const caller = await requireCaller(authenticate, ctx, { ...operation, audience: "user" });
  if (!caller.isAdmin && caller.userId !== operation.consumerUserId) {
    throw agentFactoryError("forbidden", "This belongs to another user.", { argument: "consumerUserId" });
  }
  return caller;
}
