/* eslint-disable */
/**
 * Generated `api` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type * as agentFactory from "../agentFactory.js";
import type * as agentFactoryInternal from "../agentFactoryInternal.js";
import type * as caller from "../caller.js";
import type * as crons from "../crons.js";
import type * as factory from "../factory.js";
import type * as http from "../http.js";
import type * as myAgent from "../myAgent.js";
import type * as session from "../session.js";
import type * as signingKey from "../signingKey.js";

import type {
  ApiFromModules,
  FilterApi,
  FunctionReference,
} from "convex/server";

declare const fullApi: ApiFromModules<{
  agentFactory: typeof agentFactory;
  agentFactoryInternal: typeof agentFactoryInternal;
  caller: typeof caller;
  crons: typeof crons;
  factory: typeof factory;
  http: typeof http;
  myAgent: typeof myAgent;
  session: typeof session;
  signingKey: typeof signingKey;
}>;

/**
 * A utility for referencing Convex functions in your app's public API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = api.myModule.myFunction;
 * ```
 */
export declare const api: FilterApi<
  typeof fullApi,
  FunctionReference<any, "public">
>;

/**
 * A utility for referencing Convex functions in your app's internal API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = internal.myModule.myFunction;
 * ```
 */
export declare const internal: FilterApi<
  typeof fullApi,
  FunctionReference<any, "internal">
>;

export declare const components: {
  agentFactory: import("convex-agent-factory/_generated/component.js").ComponentApi<"agentFactory">;
};
