/** Cuts text without breaking a character in two. */

/**
 * The first `maxCharacters` UTF-16 code units of `text`, one less where the cut would leave half a surrogate pair: such a
 * string has no UTF-8 form, so it can be neither stored nor sent.
 */
export function shorten(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const last = text.charCodeAt(maxCharacters - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? maxCharacters - 1 : maxCharacters);
}
