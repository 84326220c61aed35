/** Takes the values of an agent's environment out of what its tools print, before it reaches a model or a transcript. Pure. */

/** Shorter values (`true`, `8080`, `eu-west`) are ordinary words, and no key is that short. */
const MIN_SECRET_LENGTH = 8;

export function redacted(text: string, environment: Readonly<Record<string, string>>): string {
  const secrets = Object.entries(environment).filter(([, value]) => value.length >= MIN_SECRET_LENGTH);
  // The longest first: a value may be a part of another one.
  secrets.sort(([, a], [, b]) => b.length - a.length);
  return secrets.reduce((cleaned, [name, value]) => cleaned.replaceAll(value, `[${name} redacted]`), text);
}
