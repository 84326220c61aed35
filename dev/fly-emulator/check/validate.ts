/** Holds recorded requests and answers against a description of the API, also for members nobody described. */
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { isJsonObject, type JsonObject, type JsonValue } from "../model/json.js";
import { type RecordedRequest } from "../recorder.js";
import { resolve, type ApiDescription, type OperationDescription } from "./description.js";

export interface Mismatch {
  /** As in `POST /apps/{app_name}/machines`. */
  readonly operation: string;
  readonly part: "endpoint" | "query" | "header" | "request body" | "status" | "response body";
  /** Where in the part: a JSON pointer without array indexes, a parameter's name or a status. */
  readonly where: string;
  readonly message: string;
}

export const operationName = (request: { method: string; template?: string | undefined; path?: string }): string =>
  `${request.method} ${request.template ?? request.path ?? ""}`;

export class ExchangeValidator {
  private readonly ajv: Ajv;
  private readonly compiled = new Map<JsonObject, ValidateFunction>();

  constructor(private readonly description: ApiDescription) {
    // Descriptions are full of keywords that are none of JSON Schema's; they say nothing about validity.
    this.ajv = new Ajv({ strict: false, allErrors: true, logger: false, validateSchema: false, coerceTypes: false });
    addFormats.default(this.ajv);
  }

  validate(exchange: RecordedRequest): Mismatch[] {
    const operation = this.find(exchange);
    if (operation === undefined) {
      return [mismatch(exchange, "endpoint", exchange.path, "the description has no such operation")];
    }
    return [
      ...this.parameters(operation, exchange),
      ...this.requestBody(operation, exchange),
      ...this.response(operation, exchange),
    ];
  }

  private find(exchange: RecordedRequest): OperationDescription | undefined {
    const shape = (template: string): string => template.replaceAll(/\{[^}]+\}/g, "{}");
    return this.description.operations.find(
      (operation) =>
        operation.method === exchange.method &&
        exchange.template !== undefined &&
        shape(operation.template) === shape(exchange.template),
    );
  }

  private parameters(operation: OperationDescription, exchange: RecordedRequest): Mismatch[] {
    const found: Mismatch[] = [];
    for (const [name, value] of exchange.query) {
      const parameter = operation.parameters.find((entry) => entry.place === "query" && entry.name === name);
      if (parameter === undefined) {
        found.push(mismatch(exchange, "query", name, "the description has no such parameter"));
      } else {
        const errors = this.errors(parameter.schema, fromQuery(value, parameter.schema));
        found.push(...errors.map((error) => mismatch(exchange, "query", name, describe(error))));
      }
    }
    const succeeded = exchange.httpStatus !== undefined && exchange.httpStatus < 400;
    for (const { name, place, required } of operation.parameters) {
      const given =
        place === "header" ? name.toLowerCase() in exchange.requestHeaders : exchange.query.some(([q]) => q === name);
      if (required && place !== "path" && !given && succeeded) {
        found.push(mismatch(exchange, place, name, "required, but not sent"));
      }
    }
    return found;
  }

  private requestBody(operation: OperationDescription, exchange: RecordedRequest): Mismatch[] {
    const { requestBody } = exchange;
    if (requestBody === undefined) return [];
    if (operation.requestSchema === undefined) {
      return [mismatch(exchange, "request body", "", "the description knows of no body")];
    }
    return this.body(exchange, "request body", operation.requestSchema, requestBody);
  }

  private response(operation: OperationDescription, exchange: RecordedRequest): Mismatch[] {
    if (exchange.httpStatus === undefined) return [];
    const status = String(exchange.httpStatus);
    if (!operation.responses.has(status) && !operation.responses.has("default")) {
      const found = mismatch(exchange, "status", status, "the description has no such answer");
      // An error that is not described here should still look like the errors that are.
      const error = exchange.httpStatus >= 400 ? this.errorSchema() : undefined;
      const body = exchange.responseBody;
      return error === undefined || body === undefined
        ? [found]
        : [found, ...this.body(exchange, "response body", error, body)];
    }
    const schema = operation.responses.get(status) ?? operation.responses.get("default");
    if (schema === undefined) return [];
    if (exchange.responseBody === undefined) return [mismatch(exchange, "response body", "", "there is none")];
    return this.body(exchange, "response body", schema, exchange.responseBody);
  }

  private errorSchema(): JsonObject | undefined {
    const { components, definitions } = this.description.shared;
    const schemas = isJsonObject(components) ? components.schemas : definitions;
    return isJsonObject(schemas) && isJsonObject(schemas.ErrorResponse) ? schemas.ErrorResponse : undefined;
  }

  private body(exchange: RecordedRequest, part: Mismatch["part"], schema: JsonObject, body: JsonValue): Mismatch[] {
    const errors = this.errors(schema, body).map((error) =>
      mismatch(exchange, part, withoutIndexes(error.instancePath), describe(error)),
    );
    const unknown = this.undescribed(schema, body, "").map((pointer) =>
      mismatch(exchange, part, pointer, "the description has no such member"),
    );
    return [...errors, ...unknown];
  }

  private errors(schema: JsonObject, value: JsonValue): ErrorObject[] {
    let validate = this.compiled.get(schema);
    if (validate === undefined) {
      // References point to the document's root, so that each schema is compiled as if it were one.
      validate = this.ajv.compile({ ...this.description.shared, allOf: [schema] });
      this.compiled.set(schema, validate);
    }
    return validate(value) ? [] : (validate.errors ?? []);
  }

  /** Pointers to members of objects whose schemas list their members, but not these. */
  private undescribed(schema: JsonObject, value: JsonValue, pointer: string): string[] {
    const resolved = resolve(this.description.shared, schema);
    if (Array.isArray(value)) {
      const { items } = resolved;
      return isJsonObject(items) ? [...new Set(value.flatMap((entry) => this.undescribed(items, entry, pointer)))] : [];
    }
    if (!isJsonObject(value)) return [];
    const { properties, open } = this.members(resolved);
    const found: string[] = [];
    for (const [name, member] of Object.entries(value)) {
      const described = properties.get(name) ?? (isJsonObject(open) ? open : undefined);
      if (described !== undefined && member !== undefined) {
        found.push(...this.undescribed(described, member, `${pointer}/${name}`));
      } else if (properties.size > 0 && open === undefined) found.push(`${pointer}/${name}`);
    }
    return found;
  }

  private members(schema: JsonObject): { properties: Map<string, JsonObject>; open: JsonValue | undefined } {
    const properties = new Map<string, JsonObject>();
    let open = schema.additionalProperties;
    for (const [name, property] of Object.entries(isJsonObject(schema.properties) ? schema.properties : {})) {
      if (isJsonObject(property)) properties.set(name, property);
    }
    for (const keyword of ["allOf", "anyOf", "oneOf"]) {
      const parts = schema[keyword];
      for (const part of Array.isArray(parts) ? parts : []) {
        if (!isJsonObject(part)) continue;
        const inner = this.members(resolve(this.description.shared, part));
        for (const [name, property] of inner.properties) properties.set(name, property);
        open ??= inner.open;
      }
    }
    return { properties, open };
  }
}

function mismatch(exchange: RecordedRequest, part: Mismatch["part"], where: string, message: string): Mismatch {
  return { operation: operationName(exchange), part, where, message };
}

const describe = (error: ErrorObject): string => error.message ?? "does not fit";

const withoutIndexes = (pointer: string): string => pointer.replaceAll(/\/\d+(?=\/|$)/g, "");

/** A query carries text; what its schema calls a number or a boolean is read as one. */
function fromQuery(value: string, schema: JsonObject): JsonValue {
  if ((schema.type === "integer" || schema.type === "number") && value.trim() !== "") {
    const number = Number(value);
    return Number.isNaN(number) ? value : number;
  }
  if (schema.type === "boolean" && (value === "true" || value === "false")) return value === "true";
  return value;
}
