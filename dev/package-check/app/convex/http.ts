/** Mounts the component's routes. */
import { registerRoutes } from "convex-agent-factory";
import { httpRouter } from "convex/server";
import { components } from "./components.js";

const http = httpRouter();
registerRoutes(http, components.agentFactory);

export default http;
