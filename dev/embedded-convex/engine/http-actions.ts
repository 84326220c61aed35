/** Routes HTTP requests to `httpAction`s: the app's own and those of components that are mounted under a prefix. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { UserIdentity } from "convex/server";
import type { ConvexTestInternals } from "./convex-test-types.js";
import { describeFailure } from "./function-errors.js";
import {
  wrapFunction,
  isConvexFunction,
  type ConvexFunction,
  type LoadedInstance,
  type RunHandler,
} from "./instance-modules.js";
import { createInvocation, recordLog, type InvocationStorage } from "./invocation.js";

interface HttpRouter {
  lookup(path: string, method: string): readonly [unknown, string, string] | null;
  getRoutes(): readonly (readonly [string, string, unknown])[];
}

interface Match {
  loaded: LoadedInstance;
  /** The path as the component's own router knows it. */
  routedPath: string;
  route: string;
}

export interface HttpSurroundings {
  internals: ConvexTestInternals;
  instances: ReadonlyMap<string, LoadedInstance>;
  invocations: InvocationStorage;
  sourceRoot: string;
  log: (line: string) => void;
}

/** The request as it came in; convex-test would show handlers one with an invented URL. */
const realRequest = new AsyncLocalStorage<Request>();

/** Lets the routes of an `http` module run in their instance's environment, and see the real request. */
export function wrapRouter(loaded: LoadedInstance, runHandler: RunHandler): void {
  const module = loaded.modules.get("http");
  const router = module?.["default"];
  if (module === undefined || !isRouter(router)) return;
  const withRequest = (original: ConvexFunction): ConvexFunction =>
    Object.assign((ctx: unknown, args: unknown): unknown => original(ctx, args), original, {
      _handler: (ctx: unknown, request: unknown): unknown => original._handler(ctx, realRequest.getStore() ?? request),
    });
  const lookup: HttpRouter["lookup"] = (path, method) => {
    const found = router.lookup(path, method);
    if (found === null) return null;
    const [handler, ...rest] = found;
    if (!isConvexFunction(handler)) throw new Error(`The route for ${path} is not an httpAction.`);
    return [withRequest(wrapFunction(handler, loaded.environment, runHandler)), ...rest];
  };
  loaded.modules.set("http", {
    ...module,
    default: { lookup, getRoutes: () => router.getRoutes() } satisfies HttpRouter,
  });
}

/** @returns `null` if no route matches. A handler that throws becomes a response with status 500, as on Convex. */
export async function fetchHttpAction(
  surroundings: HttpSurroundings,
  request: Request,
  identity: UserIdentity | null,
): Promise<Response | null> {
  const { internals, invocations, sourceRoot, log } = surroundings;
  const match = findRoute(surroundings.instances, "", new URL(request.url).pathname, request.method);
  if (match === null) return null;
  const componentPath = match.loaded.instance.path;
  const invocation = createInvocation(`H(${request.method} ${match.route})`);
  const execution = { componentPath, udfPath: "http", udfType: "http", depth: 0, paginatedQueries: 0 } as const;
  // Identities do not cross into components.
  const { accessor } = internals;
  const caller = identity === null || componentPath !== "" ? accessor : accessor.withIdentity(identity);
  try {
    const response: unknown = await realRequest.run(request, () =>
      invocations.run(invocation, () =>
        // convex-test takes the router of the component that is running.
        internals.executionStorage.run(execution, () => caller.fetch(match.routedPath, { method: request.method })),
      ),
    );
    if (response instanceof Response) return response;
    throw new Error(`The HTTP action for ${request.method} ${match.route} did not return a Response.`);
  } catch (error) {
    const { errorMessage, errorData } = describeFailure(error, sourceRoot);
    recordLog(invocation, "ERROR", [errorMessage], log);
    const body = { code: "Server Error", trace: errorMessage, ...(errorData === undefined ? {} : { data: errorData }) };
    return Response.json(body, { status: 500 });
  }
}

/** An exact path first; then the longest prefix, be it a route's or a mounted component's. */
function findRoute(
  instances: ReadonlyMap<string, LoadedInstance>,
  componentPath: string,
  path: string,
  method: string,
): Match | null {
  const loaded = instances.get(componentPath);
  if (loaded === undefined) return null;
  const router = loaded.modules.get("http")?.["default"];
  const own = isRouter(router) ? router.lookup(path, method) : null;
  const ownMatch = own === null ? null : { loaded, routedPath: path, route: own[2] };
  if (ownMatch !== null && !ownMatch.route.endsWith("*")) return ownMatch;
  const mounts = loaded.instance.children
    .flatMap((child) => (child.httpPrefix === null ? [] : [{ child, prefix: withSlash(child.httpPrefix) }]))
    .filter(({ prefix }) => path.startsWith(prefix))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  for (const { child, prefix } of mounts) {
    if (ownMatch !== null && ownMatch.route.length - 1 > prefix.length) break;
    const match = findRoute(instances, child.path, `/${path.slice(prefix.length)}`, method);
    if (match !== null) return match;
  }
  return ownMatch;
}

function withSlash(prefix: string): string {
  return prefix.endsWith("/") ? prefix : `${prefix}/`;
}

function isRouter(value: unknown): value is HttpRouter {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "lookup") === "function" &&
    typeof Reflect.get(value, "getRoutes") === "function"
  );
}
