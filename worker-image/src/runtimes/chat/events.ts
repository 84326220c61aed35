/** Reads server-sent events from a stream of bytes, however it is cut into pieces. */

/** The data of one event; a longer one is no chat completion. */
const MAX_EVENT_CHARACTERS = 4 * 1024 * 1024;

/** Yields the data of each event. @throws Error when an event is too long */
export async function* eventData(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  let data: string[] = [];
  let length = 0;
  for await (const part of bytes) {
    rest += decoder.decode(part, { stream: true });
    // A carriage return at the very end may be half of a line's end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield data.join("\n");
        [data, length] = [[], 0];
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
        length += line.length;
      }
    }
    if (length + rest.length > MAX_EVENT_CHARACTERS) throw new Error("An event of the stream is too long.");
  }
  // A last event without the empty line that ends it is one that has been cut off.
}
