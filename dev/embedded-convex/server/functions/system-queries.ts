/** The queries under `_system/` that the stock CLI asks: tables, documents, function specs, environment variables. Admin only. */
import type { JSONValue } from "convex/values";
import type { Engine, FunctionDescription, FunctionKind } from "../../engine/types.js";

/** The largest page that is served at once, in documents; the CLI asks for 10,000 when it has no limit of its own. */
const MAX_PAGE = 10_000;

type Arguments = Record<string, unknown>;
type SystemQuery = (args: Arguments, componentPath: string) => JSONValue;

const KIND_NAMES: Readonly<Record<FunctionKind, string>> = { query: "Query", mutation: "Mutation", action: "Action" };

/** By canonical path. */
export function makeSystemQueries(
  engine: Pick<Engine, "functions" | "tables" | "readTable" | "env">,
  urls: { cloudUrl: string; siteUrl: string },
): ReadonlyMap<string, SystemQuery> {
  const variables = () => Object.entries(engine.env.list()).map(([name, value]) => ({ name, value }));
  return new Map<string, SystemQuery>([
    [
      "_system/cli/tables:default",
      (_args, componentPath) => allAsPage(engine.tables(componentPath).map((name) => ({ name }))),
    ],
    ["_system/cli/tableData:default", (args, componentPath) => tableData(engine, args, componentPath)],
    [
      "_system/cli/modules:apiSpec",
      (_args, componentPath) =>
        engine
          .functions()
          .filter((description) => description.componentPath === componentPath)
          .map(describe),
    ],
    ["_system/cli/convexUrl:cloudUrl", () => urls.cloudUrl],
    ["_system/cli/convexUrl:siteUrl", () => urls.siteUrl],
    ["_system/cli/queryEnvironmentVariables:default", variables],
    [
      "_system/cli/queryEnvironmentVariables:get",
      (args) => variables().find(({ name }) => name === args["name"]) ?? null,
    ],
    ["_system/frontend/components:list", () => components(engine.functions())],
  ]);
}

function allAsPage(page: JSONValue[]): JSONValue {
  return { page, isDone: true, continueCursor: "end" };
}

function tableData(engine: Pick<Engine, "readTable">, args: Arguments, componentPath: string): JSONValue {
  const table = args["table"];
  if (typeof table !== "string") throw new Error('The argument "table" must be a string.');
  const options = args["paginationOpts"];
  const { cursor, numItems } = { cursor: null, numItems: 100, ...(typeof options === "object" ? options : {}) };
  // A cursor is how many documents came before, which a document that is inserted or deleted in between can shift by one.
  const start = typeof cursor === "string" && /^\d{1,9}$/.test(cursor) ? Number(cursor) : 0;
  const count = Math.min(typeof numItems === "number" && numItems >= 1 ? Math.floor(numItems) : 1, MAX_PAGE);
  const documents = engine.readTable(componentPath, table, {
    // One more tells whether the page is the last.
    limit: start + count + 1,
    order: args["order"] === "asc" ? "asc" : "desc",
  });
  const isDone = documents.length <= start + count;
  return { page: documents.slice(start, start + count), isDone, continueCursor: String(start + count) };
}

function describe(description: FunctionDescription): JSONValue {
  if (description.kind === "httpAction") {
    const [, method = "*", path = description.path] = /^([A-Z]+) (\S+)$/.exec(description.path) ?? [];
    return { functionType: "HttpAction", method, path };
  }
  const colon = description.path.lastIndexOf(":");
  return {
    identifier: `${description.path.slice(0, colon)}.js${description.path.slice(colon)}`,
    functionType: KIND_NAMES[description.kind],
    visibility: { kind: description.isPublic ? "public" : "internal" },
    args: description.args ?? { type: "any" },
    returns: description.returns ?? { type: "any" },
  };
}

/** Convex knows components by id and path; here the path is both. */
function components(functions: FunctionDescription[]): JSONValue {
  const paths = [...new Set(functions.map(({ componentPath }) => componentPath))].sort();
  return paths.map((path) => ({ id: path, path, name: path.split("/").at(-1) ?? "", args: {}, state: "active" }));
}
