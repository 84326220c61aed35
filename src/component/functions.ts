/** The builders every function of the component is made with: they inject `ctx.log`, so that no room makes its own logger. */
import { customAction, customCtx, customMutation, customQuery } from "convex-helpers/server/customFunctions";
import {
  action as baseAction,
  env,
  internalAction as baseInternalAction,
  internalMutation as baseInternalMutation,
  internalQuery as baseInternalQuery,
  mutation as baseMutation,
  query as baseQuery,
  type ActionCtx as BaseActionCtx,
  type MutationCtx as BaseMutationCtx,
  type QueryCtx as BaseQueryCtx,
} from "./_generated/server.js";
import { createLogger, type Logger } from "./logging.js";

const withLogger = customCtx(() => ({ log: createLogger(env.AGENT_FACTORY_LOG_LEVEL) }));

export const query = customQuery(baseQuery, withLogger);
export const internalQuery = customQuery(baseInternalQuery, withLogger);
export const mutation = customMutation(baseMutation, withLogger);
export const internalMutation = customMutation(baseInternalMutation, withLogger);
export const action = customAction(baseAction, withLogger);
export const internalAction = customAction(baseInternalAction, withLogger);

/** Import these, not the generated ones: every plain function of a room takes one of them first. */
export type QueryCtx = BaseQueryCtx & { log: Logger };
export type MutationCtx = BaseMutationCtx & { log: Logger };
export type ActionCtx = BaseActionCtx & { log: Logger };
