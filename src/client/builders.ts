/** Function builders per audience: each checks the caller before the handler runs, so that no function can forget to. */
import { actionGeneric, mutationGeneric, queryGeneric } from "convex/server";
import { v, type ObjectType, type PropertyValidators, type VString } from "convex/values";
import { customAction, customMutation, customQuery } from "convex-helpers/server/customFunctions";
import { requireAdmin, requireOwner, type AuthCtx, type Authenticate, type Operation } from "./auth.js";

type Access = Operation["access"];

/** What an operation may be about, as arguments; `auth` is told their values. */
type Target = {
  consumerUserId?: VString;
  agentKey?: VString | VString<string | undefined, "optional">;
  conversationId?: VString;
};

/** For administrators; `target` names what the functions are about and becomes part of their arguments. */
export function adminBuilders<T extends Target & PropertyValidators>(authenticate: Authenticate, target: T) {
  const guarded = (name: string, access: Access) => ({
    args: target,
    input: async (ctx: AuthCtx, about: ObjectType<T>) => {
      const caller = await requireAdmin(authenticate, ctx, { name, access, ...about });
      return { ctx: { caller }, args: about };
    },
  });
  return {
    query: (name: string) => customQuery(queryGeneric, guarded(name, "read")),
    mutation: (name: string) => customMutation(mutationGeneric, guarded(name, "write")),
    action: (name: string) => customAction(actionGeneric, guarded(name, "write")),
  };
}

/** For users, about themselves: adds `consumerUserId` to the arguments and compares it with who is calling. */
export function userBuilders(authenticate: Authenticate) {
  const guarded = (name: string, access: Access) => ({
    args: { consumerUserId: v.string() },
    input: async (ctx: AuthCtx, { consumerUserId }: { consumerUserId: string }) => {
      await requireOwner(authenticate, ctx, { name, access, consumerUserId });
      return { ctx: {}, args: { consumerUserId } };
    },
  });
  return {
    query: (name: string) => customQuery(queryGeneric, guarded(name, "read")),
    mutation: (name: string) => customMutation(mutationGeneric, guarded(name, "write")),
  };
}

/** For users, about one of their agents: adds `consumerUserId` and `agentKey`. */
export function userAgentBuilders(authenticate: Authenticate) {
  const guarded = (name: string, access: Access) => ({
    args: { consumerUserId: v.string(), agentKey: v.string() },
    input: async (ctx: AuthCtx, target: { consumerUserId: string; agentKey: string }) => {
      await requireOwner(authenticate, ctx, { name, access, ...target });
      return { ctx: {}, args: target };
    },
  });
  return {
    query: (name: string) => customQuery(queryGeneric, guarded(name, "read")),
    mutation: (name: string) => customMutation(mutationGeneric, guarded(name, "write")),
  };
}
