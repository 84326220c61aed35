/** Mounts the component's HTTP routes in an app's router, all under one prefix. */
import type { HttpRouter } from "convex/server";
import { httpActionGeneric } from "convex/server";
import type { ComponentApi } from "../component/_generated/component.js";

export type RouteOptions = {
  /** Default `"/agent-factory"`. */
  pathPrefix?: string;
};

export const DEFAULT_PATH_PREFIX = "/agent-factory";

/**
 * Mounts `GET {pathPrefix}/health`: whether the component answers, and whether its pool has a problem (its kind, never its
 * details). For uptime checks; it says nothing about anybody's data.
 */
export function registerRoutes(http: HttpRouter, { lib }: ComponentApi, options: RouteOptions = {}): void {
  const prefix = options.pathPrefix ?? DEFAULT_PATH_PREFIX;
  if (!/^\/[A-Za-z0-9/_-]*[A-Za-z0-9_-]$/.test(prefix)) {
    throw new Error(`registerRoutes: pathPrefix must start with "/" and not end with one, such as "/agent-factory".`);
  }
  http.route({
    path: `${prefix}/health`,
    method: "GET",
    handler: httpActionGeneric(async (ctx) => {
      const { problem } = await ctx.runQuery(lib.poolHealth, {});
      return Response.json({ ok: problem === null, problem: problem?.kind ?? null }, { status: 200 });
    }),
  });
}
