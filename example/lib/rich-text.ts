/** A small, safe subset of Markdown as data: paragraphs, lists, code, bold and links. Whatever it does not know stays text. */

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "bold"; text: string }
  | { kind: "code"; text: string }
  | { kind: "link"; text: string; href: string };

export type Block =
  | { kind: "paragraph"; lines: Inline[][] }
  | { kind: "heading"; content: Inline[] }
  | { kind: "list"; ordered: boolean; items: Inline[][] }
  | { kind: "code"; text: string };

const FENCE = /^\s*```/;
const HEADING = /^#{1,4}\s+(.+)$/;
const BULLET = /^\s*[-*•]\s+(.+)$/;
const NUMBERED = /^\s*\d{1,3}[.)]\s+(.+)$/;
/** No alternative runs past the next mark that could open it again, so even hostile text takes linear time. Links: http(s). */
const INLINE =
  /`([^`\n]+)`|\*\*([^*\n]+)\*\*|\[([^[\]\n]+)\]\((https?:\/\/[^\s()]+)\)|(https?:\/\/[^\s<>()"']*[^\s<>()"'.,;:!?])/g;

/** An unfinished fence (text still streaming) is code to the end. */
export function parseRichText(source: string): Block[] {
  const blocks: Block[] = [];
  const lines = source.replaceAll("\r\n", "\n").split("\n");
  let index = 0;
  while (index < lines.length) {
    const line = lines[index] ?? "";
    if (FENCE.test(line)) {
      let end = index + 1;
      while (end < lines.length && !FENCE.test(lines[end] ?? "")) end += 1;
      blocks.push({ kind: "code", text: lines.slice(index + 1, end).join("\n") });
      index = end + 1;
      continue;
    }
    if (line.trim() !== "") appendLine(blocks, line, (lines[index - 1] ?? "").trim() === "");
    index += 1;
  }
  return blocks;
}

function appendLine(blocks: Block[], line: string, afterBlank: boolean): void {
  const heading = HEADING.exec(line)?.[1];
  if (heading !== undefined) {
    blocks.push({ kind: "heading", content: parseInline(heading) });
    return;
  }
  const bullet = BULLET.exec(line)?.[1];
  const item = bullet ?? NUMBERED.exec(line)?.[1];
  const last = blocks.at(-1);
  if (item !== undefined) {
    const ordered = bullet === undefined;
    if (last?.kind === "list" && last.ordered === ordered) last.items.push(parseInline(item));
    else blocks.push({ kind: "list", ordered, items: [parseInline(item)] });
    return;
  }
  if (last?.kind === "paragraph" && !afterBlank) last.lines.push(parseInline(line));
  else blocks.push({ kind: "paragraph", lines: [parseInline(line)] });
}

export function parseInline(line: string): Inline[] {
  const parts: Inline[] = [];
  let position = 0;
  for (const match of line.matchAll(INLINE)) {
    if (match.index > position) parts.push({ kind: "text", text: line.slice(position, match.index) });
    const [whole, code, bold, label, target, bare] = match;
    if (code !== undefined) parts.push({ kind: "code", text: code });
    else if (bold !== undefined) parts.push({ kind: "bold", text: bold });
    else if (label !== undefined && target !== undefined) parts.push({ kind: "link", text: label, href: target });
    else if (bare !== undefined) parts.push({ kind: "link", text: bare, href: bare });
    position = match.index + whole.length;
  }
  if (position < line.length) parts.push({ kind: "text", text: line.slice(position) });
  return parts;
}
