/** What clients may say over the sync WebSocket, checked field by field: nothing from the network is believed to have a shape. */
import type { JSONValue } from "convex/values";
import { decodeTimestamp } from "./timestamps.js";

export interface AddQuery {
  type: "Add";
  queryId: number;
  udfPath: string;
  args: JSONValue;
  journal: string | null;
  componentPath: string;
}

export type QuerySetModification = AddQuery | { type: "Remove"; queryId: number };

export type ClientMessage =
  | { type: "Connect"; sessionId: string | null; maxObservedTimestamp: bigint; clientTs: number | null }
  | { type: "ModifyQuerySet"; baseVersion: number; newVersion: number; modifications: QuerySetModification[] }
  | {
      type: "Mutation" | "Action";
      requestId: number;
      udfPath: string;
      args: JSONValue;
      componentPath: string;
      /** Of the whole message, nearly all of which are the arguments. */
      bytes: number;
    }
  | { type: "Authenticate"; baseVersion: number; credentials: Credentials }
  | { type: "Event" };

export type Credentials =
  | { tokenType: "User"; value: string }
  | { tokenType: "Admin"; value: string; impersonating: unknown }
  | { tokenType: "None" };

/** The client broke the protocol; it is told, and its socket closed. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** Convex's own limit for the name of a function is far below; this bounds what is kept per subscription. */
const MAX_PATH_LENGTH = 1_000;
/** How many queries one socket may subscribe to: a page uses tens. */
const MAX_MODIFICATIONS = 10_000;

/** @throws ProtocolError */
export function parseClientMessage(frame: string): ClientMessage {
  let json: unknown;
  try {
    json = JSON.parse(frame);
  } catch {
    throw new ProtocolError("Received invalid JSON on the WebSocket.");
  }
  const message = new Fields(json, "message");
  const type = message.text("type");
  switch (type) {
    case "Connect":
      return {
        type,
        sessionId: message.optionalText("sessionId"),
        maxObservedTimestamp: decodeTimestamp(message.optionalText("maxObservedTimestamp")) ?? 0n,
        clientTs: message.optionalNumber("clientTs"),
      };
    case "ModifyQuerySet":
      return {
        type,
        baseVersion: message.count("baseVersion"),
        newVersion: message.count("newVersion"),
        modifications: message.list("modifications", MAX_MODIFICATIONS).map(parseModification),
      };
    case "Mutation":
    case "Action":
      return {
        type,
        requestId: message.count("requestId"),
        udfPath: message.path("udfPath"),
        args: message.args(),
        componentPath: message.optionalText("componentPath") ?? "",
        bytes: Buffer.byteLength(frame),
      };
    case "Authenticate":
      return { type, baseVersion: message.count("baseVersion"), credentials: parseCredentials(message) };
    case "Event":
      return { type };
    default:
      throw new ProtocolError(`Unknown message type "${type.slice(0, 50)}".`);
  }
}

function parseModification(value: unknown): QuerySetModification {
  const fields = new Fields(value, "modification");
  const type = fields.text("type");
  if (type === "Remove") return { type, queryId: fields.count("queryId") };
  if (type !== "Add") throw new ProtocolError(`Unknown query set modification "${type.slice(0, 50)}".`);
  return {
    type,
    queryId: fields.count("queryId"),
    udfPath: fields.path("udfPath"),
    args: fields.args(),
    journal: fields.optionalText("journal"),
    componentPath: fields.optionalText("componentPath") ?? "",
  };
}

function parseCredentials(message: Fields): Credentials {
  const tokenType = message.text("tokenType");
  if (tokenType === "None") return { tokenType };
  if (tokenType === "User") return { tokenType, value: message.text("value") };
  if (tokenType === "Admin")
    return { tokenType, value: message.text("value"), impersonating: message.raw("impersonating") };
  throw new ProtocolError(`Unknown token type "${tokenType.slice(0, 50)}".`);
}

/** Reads the fields of one object, or says which is wrong. */
class Fields {
  readonly #fields: Record<string, unknown>;

  constructor(
    value: unknown,
    private readonly what: string,
  ) {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new ProtocolError(`A ${what} must be an object.`);
    this.#fields = { ...value };
  }

  raw(name: string): unknown {
    return this.#fields[name];
  }

  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value !== "string") throw this.#wrong(name, "a string");
    return value;
  }

  optionalText(name: string): string | null {
    return (this.#fields[name] ?? null) === null ? null : this.text(name);
  }

  optionalNumber(name: string): number | null {
    const value = this.#fields[name] ?? null;
    if (value !== null && typeof value !== "number") throw this.#wrong(name, "a number");
    return value;
  }

  count(name: string): number {
    const value = this.#fields[name];
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      throw this.#wrong(name, "a whole number from 0 to 2^32-1");
    }
    return value;
  }

  path(name: string): string {
    const value = this.text(name);
    if (value.length > MAX_PATH_LENGTH) throw this.#wrong(name, `at most ${MAX_PATH_LENGTH} characters long`);
    return value;
  }

  list(name: string, maxLength: number): unknown[] {
    const value = this.#fields[name];
    if (!Array.isArray(value) || value.length > maxLength) throw this.#wrong(name, `a list of at most ${maxLength}`);
    return value;
  }

  /** Clients send a list with the one object of arguments. */
  args(): JSONValue {
    const list = this.list("args", 1);
    // Comes from JSON.parse, so it is JSON; what it must look like is for the function's validator to say.
    return (list[0] ?? {}) as JSONValue;
  }

  #wrong(name: string, expected: string): ProtocolError {
    return new ProtocolError(`The field "${name}" of a ${this.what} must be ${expected}.`);
  }
}
