/** Checks values against Convex validators the way a backend does: unknown fields are errors. For tests. */
import type { GenericValidator } from "convex/values";

/** What is wrong with `value`, or `null`. */
export function problemWith(validator: GenericValidator, value: unknown, path = "value"): string | null {
  const wrong = (expected: string) => `${path} must be ${expected}`;
  switch (validator.kind) {
    case "any":
      return null;
    case "string":
      return typeof value === "string" ? null : wrong("a string");
    case "float64":
      return typeof value === "number" ? null : wrong("a number");
    case "boolean":
      return typeof value === "boolean" ? null : wrong("a boolean");
    case "null":
      return value === null ? null : wrong("null");
    case "literal":
      return value === validator.value ? null : wrong(JSON.stringify(validator.value));
    case "union":
      return validator.members.some((member) => problemWith(member, value, path) === null)
        ? null
        : wrong("another type");
    case "array":
      if (!Array.isArray(value)) return wrong("an array");
      return first(value.map((item, index) => problemWith(validator.element, item, `${path}[${index}]`)));
    case "record":
      if (!isPlain(value)) return wrong("an object");
      return first(Object.entries(value).map(([key, item]) => problemWith(validator.value, item, `${path}.${key}`)));
    case "object":
      return problemWithFields(validator.fields, value, path);
    default:
      return wrong(`a ${validator.kind}, which this check does not know`);
  }
}

export function problemWithFields(
  fields: Record<string, GenericValidator>,
  value: unknown,
  path: string,
): string | null {
  if (!isPlain(value)) return `${path} must be an object`;
  const unknownField = Object.keys(value).find((key) => !(key in fields));
  if (unknownField !== undefined) return `${path} has an unknown field ${unknownField}`;
  return first(
    Object.entries(fields).map(([key, field]) => {
      const item = value[key];
      if (item === undefined) return field.isOptional === "optional" ? null : `${path}.${key} is missing`;
      return problemWith(field, item, `${path}.${key}`);
    }),
  );
}

const first = (problems: (string | null)[]) => problems.find((problem) => problem !== null) ?? null;

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
