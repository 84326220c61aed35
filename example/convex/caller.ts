/** Who is calling, from the token alone: what every function of this app and the component's wrapper go by. */
import type { Auth } from "convex/server";

export interface Caller {
  /** The `consumerUserId` of everything that belongs to them. With several sign-in providers, use `tokenIdentifier`. */
  userId: string;
  isOperator: boolean;
}

export async function identifyCaller(ctx: { auth: Auth }): Promise<Caller | null> {
  const identity = await ctx.auth.getUserIdentity();
  if (identity === null) return null;
  return { userId: identity.subject, isOperator: identity["role"] === "operator" };
}
