/** Opens the component to this app's pages and workers: the one place that connects it with the app's sign-in. */
import { exposeApi } from "convex-agent-factory";
import { components } from "./_generated/api.js";
import { identifyCaller } from "./caller.js";

export const factory = exposeApi(components.agentFactory, {
  // Users reach their own things only: the wrapper compares what a caller asks for with who they are.
  auth: async (ctx) => {
    const caller = await identifyCaller(ctx);
    return caller === null ? null : { userId: caller.userId, isAdmin: caller.isOperator };
  },
});
