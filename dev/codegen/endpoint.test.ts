/** The endpoint runs uploaded code, so what matters most is whom it answers. */
import { brotliCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCodegenEndpoint, type CodegenEndpoint } from "./endpoint.js";

let endpoint: CodegenEndpoint;
beforeAll(async () => {
  endpoint = await startCodegenEndpoint();
});
afterAll(async () => {
  await endpoint.close();
});

async function post(path: string, body: unknown, authorization = `Convex ${endpoint.adminKey}`) {
  const response = await fetch(endpoint.url + path, {
    method: "POST",
    headers: { authorization, "content-encoding": "br" },
    body: brotliCompressSync(JSON.stringify(body)),
    signal: AbortSignal.timeout(20_000),
  });
  return { status: response.status, text: await response.text() };
}

const definition = {
  path: "convex.config.js",
  environment: "isolate",
  source: `export default { export: () => ({
    definitionType: { type: "app" }, childComponents: [], httpMounts: {}, exports: { type: "branch", branch: [] },
  }) };`,
};
const push = {
  adminKey: "",
  appDefinition: { definition, schema: null, changedModules: [], udfServerVersion: "1.48.0" },
  componentDefinitions: [],
};

describe("the code generation endpoint", () => {
  it("listens on the loopback interface only, with a new key each time", async () => {
    expect(endpoint.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const other = await startCodegenEndpoint();
    await other.close();
    expect(other.adminKey).not.toBe(endpoint.adminKey);
    expect(endpoint.adminKey).toMatch(/^[0-9a-f]{64}$/);
  });

  it("analyzes what is pushed with the key", async () => {
    const { status, text } = await post("/api/deploy2/start_push", push);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ analysis: { "": { definition: { definitionType: { type: "app" } } } } });
  });

  it.each(["", "Convex ", "Convex wrong", "Bearer token"])(
    "evaluates nothing for the authorization %j",
    async (header) => {
      const { status, text } = await post("/api/deploy2/start_push", push, header);
      expect(status).toBe(403);
      expect(text).toContain("The admin key is wrong.");
      expect(text).not.toContain(endpoint.adminKey);
    },
  );

  it("answers nothing else", async () => {
    expect((await post("/api/deploy2/finish_push", {})).status).toBe(404);
    expect((await post("/api/query", {})).status).toBe(404);
  });

  it("says what is wrong with a push", async () => {
    const malformed = await post("/api/deploy2/start_push", { ...push, appDefinition: null });
    expect(malformed.status).toBe(400);
    expect(malformed.text).toContain("appDefinition");
    const source = `throw new Error("no such luck");`;
    const throwing = { ...push, appDefinition: { ...push.appDefinition, definition: { ...definition, source } } };
    expect((await post("/api/deploy2/start_push", throwing)).text).toContain("no such luck");
    expect(endpoint.lastError()).toContain("no such luck");
  });
});
