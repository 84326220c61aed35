/** Installs the component, as an app's definition does. */
import agentFactory from "convex-agent-factory/convex.config.js";
import { defineApp } from "convex/server";

const app = defineApp();
app.use(agentFactory);

export default app;
