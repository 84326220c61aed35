/** Text that any storage takes: half a character becomes the replacement character, which is one code unit too. */

const LONE_SURROGATES = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The same length in UTF-16 code units, without surrogates that have lost their other half. */
export const wellFormed = (text: string): string => text.replace(LONE_SURROGATES, "\ufffd");
