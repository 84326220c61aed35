/** Frames of the WebSocket library as text: it hands them over in whatever pieces they came. */
import type { RawData } from "ws";

export function textOf(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString("utf8");
  return Array.isArray(data) ? Buffer.concat(data).toString("utf8") : Buffer.from(data).toString("utf8");
}
