/** Reads an OpenAPI 3 or Swagger 2 document: its operations, and the schemas of what goes in and out of each. */
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from "../model/json.js";

export interface ParameterDescription {
  readonly name: string;
  readonly place: "path" | "query" | "header";
  readonly required: boolean;
  readonly schema: JsonObject;
}

export interface OperationDescription {
  readonly method: string;
  /** Without the prefix of the server's URL, e.g. `/apps/{app_name}/machines`. */
  readonly template: string;
  readonly parameters: readonly ParameterDescription[];
  /** Absent when the operation takes no body, or says nothing about it. */
  readonly requestSchema?: JsonObject;
  /** By status; a status without a schema says nothing about its body. */
  readonly responses: ReadonlyMap<string, JsonObject | undefined>;
}

export interface ApiDescription {
  readonly dialect: string;
  readonly operations: readonly OperationDescription[];
  /** What `$ref`s point into: `components` of OpenAPI 3, `definitions` of Swagger 2. */
  readonly shared: JsonObject;
}

const METHODS = ["get", "post", "put", "patch", "delete"];

/** Throws an error that says what is wrong with the document. */
export function readDescription(text: string): ApiDescription {
  let document: JsonValue;
  try {
    document = parseJson(text);
  } catch {
    throw new Error("it is not JSON");
  }
  if (!isJsonObject(document) || !isJsonObject(document.paths)) throw new Error("it has no paths");
  const dialect = typeof document.openapi === "string" ? `OpenAPI ${document.openapi}` : swagger(document);
  const operations: OperationDescription[] = [];
  for (const [path, item] of Object.entries(document.paths)) {
    if (!isJsonObject(item)) continue;
    // Both dialects let a path repeat the prefix that the base URL already has.
    const template = path.startsWith("/v1/") ? path.slice("/v1".length) : path;
    for (const method of METHODS) {
      const operation = item[method];
      if (isJsonObject(operation)) operations.push(readOperation(document, method, template, item, operation));
    }
  }
  if (operations.length === 0) throw new Error("it describes no operations");
  return { dialect, operations, shared: pick(document, ["components", "definitions", "parameters", "responses"]) };
}

function swagger(document: JsonObject): string {
  if (document.swagger === "2.0") return "Swagger 2.0";
  throw new Error("it is neither OpenAPI 3 nor Swagger 2");
}

function readOperation(
  document: JsonObject,
  method: string,
  template: string,
  item: JsonObject,
  operation: JsonObject,
): OperationDescription {
  const parameters = [...objectsIn(item.parameters), ...objectsIn(operation.parameters)].map((entry) =>
    resolve(document, entry),
  );
  const body = parameters.find((parameter) => parameter.in === "body");
  const requestSchema = body === undefined ? schemaOf(resolveIfObject(document, operation.requestBody)) : body.schema;
  const responses = new Map<string, JsonObject | undefined>();
  for (const [status, response] of Object.entries(isJsonObject(operation.responses) ? operation.responses : {})) {
    responses.set(status, schemaOf(resolveIfObject(document, response)));
  }
  return {
    method: method.toUpperCase(),
    template,
    parameters: parameters.flatMap((parameter) => readParameter(parameter) ?? []),
    ...(isJsonObject(requestSchema) ? { requestSchema } : {}),
    responses,
  };
}

function readParameter(parameter: JsonObject): ParameterDescription | undefined {
  const place = parameter.in;
  if (typeof parameter.name !== "string") return undefined;
  if (place !== "path" && place !== "query" && place !== "header") return undefined;
  // Swagger 2 writes the schema's keywords into the parameter itself.
  const schema = isJsonObject(parameter.schema)
    ? parameter.schema
    : pick(parameter, ["type", "format", "enum", "items"]);
  return { name: parameter.name, place, required: parameter.required === true, schema };
}

/** The schema of a body: below its JSON media type in OpenAPI 3, directly in Swagger 2. */
function schemaOf(holder: JsonObject | undefined): JsonObject | undefined {
  if (holder === undefined) return undefined;
  if (isJsonObject(holder.schema)) return holder.schema;
  const media = isJsonObject(holder.content) ? holder.content["application/json"] : undefined;
  return isJsonObject(media) && isJsonObject(media.schema) ? media.schema : undefined;
}

const resolveIfObject = (document: JsonObject, value: JsonValue | undefined): JsonObject | undefined =>
  isJsonObject(value) ? resolve(document, value) : undefined;

/** Follows one `$ref` within the document. */
export function resolve(document: JsonObject, value: JsonObject): JsonObject {
  if (typeof value.$ref !== "string") return value;
  let target: JsonValue | undefined = document;
  for (const part of value.$ref.replace(/^#\//, "").split("/")) {
    const name = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    target = isJsonObject(target) ? target[name] : undefined;
  }
  if (!isJsonObject(target)) throw new Error(`its reference ${value.$ref} leads nowhere`);
  return target;
}

const objectsIn = (value: JsonValue | undefined): JsonObject[] =>
  Array.isArray(value) ? value.filter((entry) => isJsonObject(entry)) : [];

function pick(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.filter((name) => object[name] !== undefined).map((name) => [name, object[name]]));
}
