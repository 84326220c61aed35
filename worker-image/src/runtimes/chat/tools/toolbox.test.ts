/** What a model's tools do in the workspace, and what they refuse. */
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { toolResults, type ModelScript } from "../../../testing/model-stub.js";
import { makePipe } from "../../../testing/named-pipe.js";
import { monotonicMs } from "../../../timing.js";
import { calls, conversation, failureOf, KEY, oneCall, textOf } from "../testing/conversation.js";

describe("tools", () => {
  it("write, read, list and run, several in one step, each reported", async () => {
    const script: ModelScript = (request) =>
      toolResults(request).length > 0
        ? { text: [toolResults(request).join("|")] }
        : calls(
            { name: "write_file", arguments: { path: "a/b.txt", content: "one\n" } },
            { name: "write_file", arguments: { path: "a/b.txt", content: "two\n", append: true } },
            { name: "read_file", arguments: { path: "a/b.txt" } },
            { name: "list_files", arguments: { recursive: true } },
            { name: "run_command", arguments: { command: "wc -l < a/b.txt; exit 4" } },
          );
    const { turn } = await conversation(script);
    const events = await turn("go");
    expect(textOf(events)).toBe(
      "Wrote a/b.txt.|Appended to a/b.txt.|one\ntwo\n|a/\na/b.txt (8 bytes)|2\n\n[exit code 4]",
    );
    const states = events.flatMap((event) =>
      event.type === "tool" ? [`${event.call.callId} ${event.call.status}`] : [],
    );
    expect(states.slice(0, 4)).toEqual(["t1/1.1 running", "t1/1.1 done", "t1/1.2 running", "t1/1.2 done"]);
    expect(states).toHaveLength(10);
  });

  const refused: [string, string, unknown, RegExp][] = [
    ["a path out of the workspace", "read_file", { path: "../state/secret" }, /outside of the workspace/],
    ["an absolute path", "write_file", { path: "/etc/agent-factory", content: "x" }, /outside of the workspace/],
    ["a link out of it", "read_file", { path: "out/secret" }, /outside of the workspace/],
    ["a new file behind such a link", "write_file", { path: "out/new", content: "x" }, /outside of the workspace/],
    ["a missing file", "read_file", { path: "missing.txt" }, /ENOENT.*'missing\.txt'/],
    ["a folder as a file", "read_file", { path: "." }, /not a file/],
    ["a pipe to read from", "read_file", { path: "pipe" }, /not a file/],
    ["a pipe to write to", "write_file", { path: "pipe", content: "x" }, /not a file/],
    ["a binary file", "read_file", { path: "binary" }, /not a text file/],
    ["arguments that do not fit", "write_file", { path: 5 }, /do not fit/],
    ["arguments that are no JSON", "write_file", '{"path":', /do not fit/],
    ["an unknown tool", "fly", {}, /no tool "fly"/],
  ];
  for (const [what, name, given, message] of refused) {
    it(`refuse ${what}, and tell the model`, async () => {
      const { turn, root, file } = await conversation(oneCall(name, given));
      await mkdir(join(root, "state"), { recursive: true });
      await writeFile(join(root, "state/secret"), "hidden");
      await symlink(join(root, "state"), file("out"));
      await writeFile(file("binary"), Buffer.from([0, 1, 2]));
      makePipe(file("pipe"));
      const events = await turn("go");
      expect(textOf(events)).toMatch(message);
      expect(textOf(events)).not.toContain(root);
      expect(events.flatMap((event) => (event.type === "tool" ? [event.call.status] : []))).toEqual([
        "running",
        "failed",
      ]);
      expect(events.at(-1)).toEqual({ type: "done" });
    });
  }

  it("see the agent's variables, but not the model's key, and print neither", async () => {
    const { turn, stub, root } = await conversation(
      oneCall("run_command", { command: "echo $SHOP_TOKEN-$OPENAI_API_KEY-" }),
    );
    const events = await turn({ message: "go", environment: { SHOP_TOKEN: "shop-secret-1234", OPENAI_API_KEY: KEY } });
    expect(textOf(events)).toBe("[SHOP_TOKEN redacted]--\n\n[exit code 0]");
    expect(JSON.stringify(stub.requests.map(({ messages }) => messages))).not.toContain("shop-secret");
    expect(await readFile(join(root, "state/chat/transcript.jsonl"), "utf8")).not.toContain("shop-secret");
  });

  it("are stopped with the turn, which leaves no trace in the transcript", async () => {
    const { turn, runtime, root } = await conversation(oneCall("run_command", { command: "sleep 60" }));
    const before = monotonicMs();
    setTimeout(() => void runtime.abort("t1"), 200);
    const events = await turn("go");
    expect(failureOf(events)).toMatchObject({ kind: "aborted" });
    expect(monotonicMs() - before).toBeLessThan(10_000);
    await expect(readFile(join(root, "state/chat/transcript.jsonl"))).rejects.toThrow("ENOENT");
  });
});
