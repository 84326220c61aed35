/** An app for the tests of `exposeApi`: its functions in convex-test, an `auth` that does as told, and sample arguments. */
import { convexTest } from "convex-test";
import { makeFunctionReference } from "convex/server";
import type { ValidatorJSON } from "convex/values";
import { vi } from "vitest";
import { lib } from "../component/setup.test-kit.js";
import { register } from "../test.js";
import type { ComponentApi } from "../component/_generated/component.js";
import { adminApi } from "./admin.js";
import type { Authenticate, Operation } from "./auth.js";
import { cronApi } from "./crons.js";
import { exposeApi } from "./expose.js";
import { userApi } from "./user.js";
import { workerApi } from "./worker.js";

export const component: ComponentApi = { lib } as ComponentApi;

/** What a registered function tells about itself; convex-test and the CLI read the same. */
export type Exposed = {
  isQuery?: boolean;
  isMutation?: boolean;
  isAction?: boolean;
  isPublic?: boolean;
  isInternal?: boolean;
  exportArgs(): string;
  exportReturns(): string;
};

const nobody: Authenticate = () => null;
const exposed = (functions: object) => functions as Record<string, Exposed>;

/** Every function by audience. */
export const AUDIENCES = {
  worker: exposed(workerApi(component)),
  user: exposed(userApi(component, nobody)),
  admin: exposed(adminApi(component, nobody)),
  cron: exposed(cronApi(component)),
};

export function startApp(auth: Authenticate) {
  const operations: Operation[] = [];
  const authenticate = vi.fn<Authenticate>(async (ctx, operation) => {
    operations.push(operation);
    return await auth(ctx, operation);
  });
  const { internal, ...functions } = exposeApi(component, { auth: authenticate });
  const t = convexTest({
    modules: {
      "./_generated/api.js": async () => ({}),
      "./agentFactory.ts": async () => functions,
      "./agentFactoryCrons.ts": async () => internal,
    },
    transactionLimits: true,
  });
  register(t);
  const all = exposed(functions);
  return {
    t,
    operations,
    authenticate,
    /** Calls an exposed function by its name, as a client would. */
    call: async (name: string, args: Record<string, unknown> = {}): Promise<unknown> => {
      const kind = all[name]?.isQuery === true ? "query" : all[name]?.isMutation === true ? "mutation" : "action";
      const path = `agentFactory:${name}`;
      switch (kind) {
        case "query":
          return await t.query(makeFunctionReference<"query", Record<string, unknown>, unknown>(path), args);
        case "mutation":
          return await t.mutation(makeFunctionReference<"mutation", Record<string, unknown>, unknown>(path), args);
        case "action":
          return await t.action(makeFunctionReference<"action", Record<string, unknown>, unknown>(path), args);
      }
    },
  };
}

export type App = ReturnType<typeof startApp>;

/** Arguments of a function, required and optional, that its validators accept. */
export function sampleArgs(fn: Exposed): Record<string, unknown> {
  const sample = sampleOf(JSON.parse(fn.exportArgs()) as ValidatorJSON);
  if (typeof sample !== "object" || sample === null) throw new Error("The arguments are not an object.");
  return sample as Record<string, unknown>;
}

function sampleOf(validator: ValidatorJSON): unknown {
  switch (validator.type) {
    case "string":
    case "id":
      return "x";
    case "number":
      return 1;
    case "boolean":
      return false;
    case "null":
    case "any":
      return null;
    case "literal":
      return validator.value;
    case "array":
      return [];
    case "union":
      return sampleOf(validator.value[0] ?? { type: "null" });
    case "object": {
      const sample: Record<string, unknown> = {};
      for (const [name, { fieldType }] of Object.entries(validator.value)) sample[name] = sampleOf(fieldType);
      return sample;
    }
    default:
      return {};
  }
}
