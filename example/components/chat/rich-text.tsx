/** Shows an agent's text; everything becomes an element or stays text, so nothing in it can act as markup. */
import { memo } from "react";
import { parseRichText, type Block, type Inline } from "../../lib/rich-text";

export const RichText = memo(function RichText({ text }: { text: string }) {
  return (
    <div className="space-y-3">
      {parseRichText(text).map((block, index) => (
        <BlockView key={index} block={block} />
      ))}
    </div>
  );
});

function BlockView({ block }: { block: Block }) {
  switch (block.kind) {
    case "paragraph":
      return (
        <p className="wrap-anywhere">
          {block.lines.map((line, index) => (
            <span key={index}>
              {index > 0 && <br />}
              <InlineView parts={line} />
            </span>
          ))}
        </p>
      );
    case "heading":
      return (
        <p className="font-semibold wrap-anywhere">
          <InlineView parts={block.content} />
        </p>
      );
    case "list": {
      const items = block.items.map((item, index) => (
        <li key={index} className="pl-1 wrap-anywhere">
          <InlineView parts={item} />
        </li>
      ));
      return block.ordered ? (
        <ol className="list-decimal space-y-1 pl-5 marker:text-ink-faint">{items}</ol>
      ) : (
        <ul className="list-disc space-y-1 pl-5 marker:text-ink-faint">{items}</ul>
      );
    }
    case "code":
      return (
        <pre className="overflow-x-auto rounded-xl border border-line bg-surface p-3.5 font-mono text-[13px] leading-5">
          {block.text}
        </pre>
      );
  }
}

function InlineView({ parts }: { parts: Inline[] }) {
  return parts.map((part, index) => {
    switch (part.kind) {
      case "text":
        return part.text;
      case "bold":
        return (
          <strong key={index} className="font-semibold">
            {part.text}
          </strong>
        );
      case "code":
        return (
          <code key={index} className="rounded-md bg-raised px-1.5 py-0.5 font-mono text-[0.88em]">
            {part.text}
          </code>
        );
      case "link":
        return (
          <a
            key={index}
            href={part.href}
            target="_blank"
            rel="noreferrer noopener"
            className="text-accent underline decoration-1 underline-offset-4"
          >
            {part.text}
          </a>
        );
    }
  });
}
