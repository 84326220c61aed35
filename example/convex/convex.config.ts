/** The app's definition: which components it installs and which environment variables it hands to them. */
import agentFactory from "convex-agent-factory/convex.config.js";
import { defineApp } from "convex/server";
import { v } from "convex/values";

const app = defineApp({
  env: {
    /** Seals the secrets that the component stores. */
    AGENT_FACTORY_ENCRYPTION_KEY: v.optional(v.string()),
    /** Only where machines come from an emulator of the Machines API; pools of kind `fly` ignore it. */
    AGENT_FACTORY_LOCAL_PROVIDER_URL: v.optional(v.string()),
    /** `debug`, `info` (default), `warn` or `error`. */
    AGENT_FACTORY_LOG_LEVEL: v.optional(v.string()),
    /** Signs the sessions of this example: a private P-256 key as a JSON Web Key. An app with a real sign-in needs none. */
    SESSION_SIGNING_KEY: v.string(),
    /** Who knows it may open the fleet page. Long and random, or unset: then nobody may. */
    OPERATOR_CODE: v.optional(v.string()),
  },
});

// References, not values: a component sees only what is bound here, and a changed variable needs no new deployment.
app.use(agentFactory, {
  env: {
    AGENT_FACTORY_ENCRYPTION_KEY: app.env.AGENT_FACTORY_ENCRYPTION_KEY,
    AGENT_FACTORY_LOCAL_PROVIDER_URL: app.env.AGENT_FACTORY_LOCAL_PROVIDER_URL,
    AGENT_FACTORY_LOG_LEVEL: app.env.AGENT_FACTORY_LOG_LEVEL,
  },
});

export default app;
