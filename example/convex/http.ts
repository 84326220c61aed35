/** The app's HTTP routes: the component takes its channels' deliveries in under `/agent-factory`. */
import { registerRoutes } from "convex-agent-factory";
import { httpRouter } from "convex/server";
import { components } from "./_generated/api.js";

const http = httpRouter();
registerRoutes(http, components.agentFactory);
export default http;
