/** Turns the component into an app's own functions, one set per audience, each behind its own check. */
import type { ComponentApi } from "../component/_generated/component.js";
import { adminApi } from "./admin.js";
import type { Authenticate } from "./auth.js";
import { cronApi } from "./crons.js";
import { userApi } from "./user.js";
import { workerApi } from "./worker.js";

export type ExposeOptions = {
  /**
   * Says who is calling, from `ctx.auth` alone. A user reaches only what carries their own `userId`; administrative
   * functions need `isAdmin`. Nobody (`null`), or an error, is refused.
   */
  auth: Authenticate;
};

/**
 * Returns functions to export from one module of the app, by default `convex/agentFactory.ts`, where workers look for
 * theirs (another module is named in `providerConfig.functionsModule`). What crons call is under `internal`, to be
 * exported from a module of its own.
 *
 * @example
 * ```ts
 * // convex/agentFactory.ts
 * const api = exposeApi(components.agentFactory, {
 *   auth: async (ctx) => {
 *     const identity = await ctx.auth.getUserIdentity();
 *     return identity && { userId: identity.subject, isAdmin: identity.role === "admin" };
 *   },
 * });
 * export const { sendMessageToUserAgent, getConversationViewForUserAgent, workerEnroll, ... } = api;
 * ```
 */
export function exposeApi(component: ComponentApi, { auth }: ExposeOptions) {
  return {
    ...workerApi(component),
    ...userApi(component, auth),
    ...adminApi(component, auth),
    internal: cronApi(component),
  };
}
