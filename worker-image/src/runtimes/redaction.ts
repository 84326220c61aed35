/** Takes the values of an agent's environment out of what its tools print, before it reaches a model or a transcript. Pure. */

/** Shorter values (`true`, `8080`, `eu-west`) are ordinary words, and no key is that short. */
const MIN_SECRET_LENGTH = 8;

/** `text` without the values; it may be a piece of a longer text, cut through the middle of one. */
export function redacted(text: string, environment: Readonly<Record<string, string>>): string {
  const secrets = Object.entries(environment).filter(([, value]) => value.length >= MIN_SECRET_LENGTH);
  // The longest first: a value may be a part of another one.
  secrets.sort(([, a], [, b]) => b.length - a.length);
  let cleaned = text;
  for (const [name, value] of secrets) cleaned = cleaned.replaceAll(value, mark(name));
  for (const [name, value] of secrets) cleaned = withoutHalves(cleaned, name, value);
  return cleaned;
}

const mark = (name: string) => `[${name} redacted]`;

/** Without the end of the value at the text's beginning, and without its beginning at the text's end. */
function withoutHalves(text: string, name: string, value: string): string {
  let cleaned = text;
  const lengths = Array.from({ length: value.length - MIN_SECRET_LENGTH }, (_, index) => value.length - 1 - index);
  const atStart = lengths.find((length) => cleaned.startsWith(value.slice(-length)));
  if (atStart !== undefined) cleaned = mark(name) + cleaned.slice(atStart);
  const atEnd = lengths.find((length) => cleaned.endsWith(value.slice(0, length)));
  return atEnd === undefined ? cleaned : cleaned.slice(0, -atEnd) + mark(name);
}
