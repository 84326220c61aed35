/** What `npx convex codegen` would write into this app's `_generated/api.ts`. */
import type { ComponentApi } from "convex-agent-factory/_generated/component.js";
import { componentsGeneric } from "convex/server";

export const components = componentsGeneric() as unknown as { agentFactory: ComponentApi<"agentFactory"> };
