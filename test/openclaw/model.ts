/** The model that the tests' OpenClaw asks: a script that answers from what it is told, so that memory is really memory. */
import {
  toolResults,
  type ModelReply,
  type ModelRequest,
  type ModelScript,
} from "../../worker-image/src/testing/model-stub.js";

/** How many words of the long answer there are, and how fast it is spoken. */
export const LONG_WORDS = 100;
const LONG_PAUSE_MS = 60;

/** What users have said, oldest first, without what OpenClaw says in their name. */
export function userTexts({ messages }: ModelRequest): string[] {
  return messages
    .filter(({ role, content }) => role === "user" && !content.startsWith("<<<BEGIN_OPENCLAW"))
    .map(({ content }) => content);
}

const END_OF_EARLIER_TURNS = "Answer the following message.]";

const words = (text: string) => text.split(/(?<=\s)/);

/**
 * - `remember that the X is called Y`: writes a file with a tool, then says so.
 * - `What is the X called?`: answers from everything said before.
 * - `speak long`: 100 words in 6 s.
 * - `run COMMAND`: runs it in the shell and repeats what it printed.
 * - `read attached file`: reads the file that the message names at its end, and repeats it.
 * - `go in circles`: calls the same tool again and again.
 * - `refuse STATUS`: as a provider refuses.
 */
export const modelScript: ModelScript = (request) => {
  const said = userTexts(request);
  const whole = said.at(-1) ?? "";
  const results = resultsSince(request, whole);
  // In front of it may stand what was said before OpenClaw came.
  const last = whole.slice(whole.lastIndexOf(END_OF_EARLIER_TURNS) + 1);
  const usage = { prompt_tokens: 1_000, completion_tokens: 100 };
  const answer = (text: string): ModelReply => ({ text: words(text), usage });
  const tool = (name: string, given: object): ModelReply => ({ toolCalls: [{ name, arguments: given }], usage });

  const refused = /refuse (\d{3})/.exec(last);
  if (refused !== null) {
    return { refusal: { status: Number(refused[1]), message: "No, says the stub.", retryAfter: "7" } };
  }
  const remembered = /remember that (.+) is called (\w+)/.exec(last);
  if (remembered !== null) {
    if (results.length > 0) return answer(`I have written down ${remembered[2]}.`);
    return tool("write", { path: "notes.md", content: `${remembered[1]}: ${remembered[2]}\n` });
  }
  const command = /run (.+)/.exec(last);
  if (command !== null) {
    return results.length > 0 ? answer(`It printed: ${results.at(-1)}`) : tool("exec", { command: command[1] });
  }
  if (last.includes("go in circles")) return tool("exec", { command: "echo again" });
  if (last.includes("read attached file")) {
    if (results.length > 0) return answer(`It says: ${results.at(-1)}`);
    return tool("read", { path: /attachments\/\S+/.exec(last)?.[0] ?? "none" });
  }
  if (last.includes("speak long")) {
    const text = Array.from({ length: LONG_WORDS }, (_, index) => `word${index} `);
    return { text, pauseMs: LONG_PAUSE_MS, usage };
  }
  if (/What is .+ called\?/.test(last)) {
    const names = said.flatMap((text) =>
      Array.from(text.matchAll(/remember that .+? is called (\w+)/g), ([, name]) => name),
    );
    return answer(names.length === 0 ? "I do not know that." : `It is called ${names.join(" or ")}, as you said.`);
  }
  return answer(`You have said ${said.length} things to me.`);
};

/** OpenClaw puts a message of its own behind the user's, so "since the last user message" has to be looked for. */
function resultsSince(request: ModelRequest, last: string): string[] {
  const begin = request.messages.findLastIndex(({ role, content }) => role === "user" && content === last);
  return toolResults({ ...request, messages: request.messages.slice(begin).filter(({ role }) => role !== "user") });
}
