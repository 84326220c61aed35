/** The component's definition: its name and the environment an app binds to it with `app.use(agentFactory, { env })`. */
import batchWorker from "@convex-dev/batch-worker/convex.config.js";
import { defineComponent } from "convex/server";
import { v } from "convex/values";

const component = defineComponent("agentFactory", {
  env: {
    /**
     * Seals stored secrets: 32 random bytes in base64 (`openssl rand -base64 32`). Without it secrets are refused and
     * no machine can be started.
     */
    AGENT_FACTORY_ENCRYPTION_KEY: v.optional(v.string()),
    /** Base URL of the Machines API for pools of kind `local`, e.g. `http://127.0.0.1:4280/v1`. Pools of kind `fly` ignore it. */
    AGENT_FACTORY_LOCAL_PROVIDER_URL: v.optional(v.string()),
    /** `debug`, `info` (default), `warn` or `error`. */
    AGENT_FACTORY_LOG_LEVEL: v.optional(v.string()),
  },
});

/** Runs the queue's sweep, see `queue/sweeper.ts`. Its own log says something only when it had to restart a loop. */
component.use(batchWorker, { env: { LOG_LEVEL: "WARN" } });

export default component;
