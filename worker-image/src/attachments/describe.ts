/** Names a message's files at its end, for an agent that sees only text. Pure. */
import type { TurnAttachment } from "../runtimes/runtime.js";

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
  const list = `[Files sent with this message, in the workspace:]\n${lines.join("\n")}`;
  return message.trim() === "" ? list : `${message}\n\n${list}`;
}
