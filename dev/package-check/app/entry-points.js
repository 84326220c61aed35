/**
 * Imports every entry point with code as plain Node does, without a bundler between. The component's definition, which
 * only Convex's own bundler can run, is found here and bundled in `app.ts`.
 */
import assert from "node:assert/strict";

const client = await import("convex-agent-factory");
assert.equal(typeof client.exposeApi, "function");
assert.equal(typeof client.registerRoutes, "function");

const definition = import.meta.resolve("convex-agent-factory/convex.config");
assert.equal(import.meta.resolve("convex-agent-factory/convex.config.js"), definition);

const hooks = await import("convex-agent-factory/react");
assert.ok(Object.keys(hooks).length > 0, "convex-agent-factory/react exports nothing");

const { default: manifest } = await import("convex-agent-factory/package.json", { with: { type: "json" } });
assert.equal(manifest.name, "convex-agent-factory");
