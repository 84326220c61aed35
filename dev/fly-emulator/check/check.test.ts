/** The check finds what does not fit, in both dialects of descriptions, and says clearly when it cannot be done. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type JsonObject } from "../model/json.js";
import { type RecordedRequest } from "../recorder.js";
import { startQuick } from "../testing/harness.js";
import { readDescription } from "./description.js";
import { deviationFor, KNOWN_DEVIATIONS } from "./deviations.js";
import { passed, runCheck, summary } from "./run.js";
import { ExchangeValidator } from "./validate.js";

const THING = {
  type: "object",
  properties: {
    id: { type: "string" },
    count: { type: "integer" },
    tags: { type: "array", items: { $ref: "REF/Tag" } },
  },
};
const TAG = { type: "object", properties: { name: { type: "string", enum: ["red", "blue"] } } };
const ERROR = { type: "object", properties: { error: { type: "string" } } };

/** The same little API in both dialects. */
const OPENAPI_3 = written("#/components/schemas", {
  openapi: "3.0.1",
  paths: {
    "/things/{thing_id}": {
      post: {
        parameters: [
          { name: "thing_id", in: "path", required: true, schema: { type: "string" } },
          { name: "limit", in: "query", schema: { type: "integer" } },
          { name: "X-Nonce", in: "header", required: true, schema: { type: "string" } },
        ],
        requestBody: { content: { "application/json": { schema: { allOf: [{ $ref: "REF/Thing" }] } } } },
        responses: { 200: { content: { "application/json": { schema: { $ref: "REF/Thing" } } } }, 204: {} },
      },
    },
  },
  components: { schemas: { Thing: THING, Tag: TAG, ErrorResponse: ERROR } },
});
const SWAGGER_2 = written("#/definitions", {
  swagger: "2.0",
  basePath: "/v1",
  paths: {
    "/things/{id}": {
      parameters: [{ name: "id", in: "path", required: true, type: "string" }],
      post: {
        parameters: [
          { name: "limit", in: "query", type: "integer" },
          { name: "X-Nonce", in: "header", required: true, type: "string" },
          { name: "request", in: "body", schema: { $ref: "REF/Thing" } },
        ],
        responses: { 200: { schema: { $ref: "REF/Thing" } }, 204: {} },
      },
    },
  },
  definitions: { Thing: THING, Tag: TAG, ErrorResponse: ERROR },
});

function written(reference: string, document: JsonObject): string {
  return JSON.stringify(document).replaceAll("REF", reference);
}

const exchange = (changes: Partial<RecordedRequest>): RecordedRequest => ({
  requestId: "r",
  at: 0,
  method: "POST",
  path: "/things/1",
  template: "/things/{machine_id}",
  action: undefined,
  query: [],
  requestHeaders: { "x-nonce": "n" },
  requestBody: undefined,
  httpStatus: 204,
  responseHeaders: {},
  responseBody: undefined,
  ...changes,
});

describe.each([
  ["OpenAPI 3", OPENAPI_3],
  ["Swagger 2", SWAGGER_2],
])("ExchangeValidator with %s", (_dialect, text) => {
  const validator = new ExchangeValidator(readDescription(text));
  const found = (changes: Partial<RecordedRequest>): string[] =>
    validator.validate(exchange(changes)).map(({ part, where, message }) => `${part} ${where}: ${message}`);

  it("accepts what fits", () => {
    const thing = { id: "a", count: 1, tags: [{ name: "red" }] };
    expect(found({ query: [["limit", "5"]], requestBody: thing, httpStatus: 200, responseBody: thing })).toEqual([]);
  });

  it.each<[string, Partial<RecordedRequest>, string]>([
    ["a wrong type in a request", { requestBody: { count: "1" } }, "request body /count: must be integer"],
    ["an undescribed member", { requestBody: { nmae: "a" } }, "request body /nmae: the description has no such member"],
    [
      "a wrong value deep inside an answer",
      { httpStatus: 200, responseBody: { tags: [{ name: "red" }, { name: "green" }] } },
      "response body /tags/name: must be equal to one of the allowed values",
    ],
    [
      "an undescribed member deep inside an answer",
      { httpStatus: 200, responseBody: { tags: [{ colour: "red" }] } },
      "response body /tags/colour: the description has no such member",
    ],
    ["a missing body", { httpStatus: 200 }, "response body : there is none"],
    ["an unknown parameter", { query: [["limt", "5"]] }, "query limt: the description has no such parameter"],
    ["a parameter of the wrong type", { query: [["limit", "many"]] }, "query limit: must be integer"],
    ["a header that is required", { requestHeaders: {} }, "header X-Nonce: required, but not sent"],
    ["a status nobody described", { httpStatus: 418 }, "status 418: the description has no such answer"],
    [
      "an unknown endpoint",
      { template: "/nothing", path: "/nothing" },
      "endpoint /nothing: the description has no such operation",
    ],
  ])("finds %s", (_what, changes, message) => {
    expect(found(changes)).toEqual([message]);
  });

  it("holds errors nobody described against the errors that are", () => {
    expect(found({ httpStatus: 409, responseBody: { error: 5 } })).toEqual([
      "status 409: the description has no such answer",
      "response body /error: must be string",
    ]);
  });
});

describe("readDescription", () => {
  it.each([
    ["no", "it is not JSON"],
    ["[]", "it has no paths"],
    ['{"paths":{}}', "it is neither OpenAPI 3 nor Swagger 2"],
    ['{"openapi":"3.0.0","paths":{}}', "it describes no operations"],
  ])("refuses %s", (text, message) => {
    expect(() => readDescription(text)).toThrow(message);
  });
});

describe("known deviations", () => {
  it("each have a reason, and cover nothing but what they name", () => {
    for (const { reason } of KNOWN_DEVIATIONS) expect(reason.length).toBeGreaterThan(20);
    const lease = { part: "response body", where: "/data", message: "the description has no such member" } as const;
    expect(deviationFor({ ...lease, operation: "GET /apps/{app_name}/machines/{machine_id}/lease" })).toBeDefined();
    expect(deviationFor({ ...lease, operation: "GET /apps/{app_name}/machines/{machine_id}" })).toBeUndefined();
    expect(deviationFor({ operation: "GET /x", part: "status", where: "200", message: "" })).toBeUndefined();
  });
});

describe("the whole check", () => {
  /** Describes every endpoint the emulator has, and allows everything. */
  let permissive: JsonObject;

  beforeAll(async () => {
    const { emulator } = await startQuick();
    const paths: Record<string, JsonObject> = {};
    for (const endpoint of emulator.endpoints) {
      const [method = "", template = ""] = endpoint.split(" ");
      const parameters = [
        "limit",
        "cursor",
        "state",
        "region",
        "include_deleted",
        "summary",
        "force",
        "timeout",
        "signal",
      ];
      paths[template] = {
        ...paths[template],
        [method.toLowerCase()]: {
          parameters: parameters.map((name) => ({ name, in: "query", schema: {} })),
          requestBody: { content: { "application/json": { schema: {} } } },
          responses: { default: {} },
        },
      };
    }
    permissive = { openapi: "3.0.0", paths };
    await emulator.close();
  });

  it("uses every endpoint and passes where everything is allowed", async () => {
    const report = await runCheck(JSON.stringify(permissive));
    expect([report.mismatches, report.unused]).toEqual([[], []]);
    expect(report.exchanges).toBeGreaterThan(50);
    expect(passed(report)).toBe(true);
    expect(summary(report)).toContain("Everything fits.");
  });

  it("fails where something does not fit", async () => {
    const wrong = structuredClone(permissive);
    const path = (wrong.paths as Record<string, Record<string, JsonObject>>)[
      "/apps/{app_name}/machines/{machine_id}/stop"
    ];
    const signal = { type: "string", enum: ["SIGHUP"] };
    const schema = { type: "object", properties: { signal } };
    if (path?.post !== undefined) path.post.requestBody = { content: { "application/json": { schema } } };
    const report = await runCheck(JSON.stringify(wrong));
    expect(passed(report)).toBe(false);
    expect(summary(report)).toContain(
      "MISMATCH in POST /apps/{app_name}/machines/{machine_id}/stop, request body /signal",
    );
    expect(summary(report)).toContain("request body /timeout: the description has no such member");
  });
});

describe("the command", () => {
  let directory: string;
  const run = (...args: string[]): { status: number | null; stderr: string } => {
    const main = fileURLToPath(new URL("main.ts", import.meta.url));
    return spawnSync(process.execPath, ["--import", "tsx", main, ...args], { encoding: "utf8", timeout: 25_000 });
  };

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "fly-check-"));
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("exits with 2 and one sentence when there is no description to hold anything against", () => {
    const none = run();
    expect([none.status, none.stderr]).toEqual([
      2,
      expect.stringContaining("Say which file holds Fly's API description"),
    ]);
    const missing = run(join(directory, "missing.json"));
    expect([missing.status, missing.stderr]).toEqual([2, expect.stringContaining("ENOENT")]);
    writeFileSync(join(directory, "recipe.json"), '{"eggs":3}');
    const recipe = run(join(directory, "recipe.json"));
    expect([recipe.status, recipe.stderr]).toEqual([2, expect.stringContaining("it has no paths")]);
  });

  it("exits with 1 when something does not fit", () => {
    writeFileSync(join(directory, "other.json"), SWAGGER_2);
    expect(run(join(directory, "other.json")).status).toBe(1);
  });
});
