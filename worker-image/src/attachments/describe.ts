/** Names a message's files at its end, for an agent that sees only text. Pure. */
import type { TurnAttachment } from "../runtimes/runtime.js";

const HEADING = "[Files sent with this message, in the workspace:]";

/** A file that is not in the workspace, and why. */
export type MissingAttachment = { name: string; why: string };

export function withAttachments(
  message: string,
  attachments: readonly TurnAttachment[],
  missing: readonly MissingAttachment[],
): string {
  if (attachments.length + missing.length === 0) return message;
  const lines = [
    ...attachments.map(({ path, kind, mimeType, sizeBytes }) => {
      const about = [kind, mimeType, `${sizeBytes} bytes`].filter((part) => part !== null);
      return `- ${path} (${about.join(", ")})`;
    }),
    ...missing.map(({ name, why }) => `- ${name}: not available, because ${why}`),
  ];
  const list = `${HEADING}\n${lines.join("\n")}`;
  return message.trim() === "" ? list : `${message}\n\n${list}`;
}

/** What was said, without the list at its end. */
export function withoutAttachments(message: string): string {
  const start = message.lastIndexOf(HEADING);
  return start === -1 ? message : message.slice(0, start).trimEnd();
}
