/** Whatever an agent does to its own folders, its turn has an end and the next one a workspace. */
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { RuntimeContext } from "./runtimes/runtime.js";
import { echoWith } from "./testing/altered-echo.js";
import { asOrdinaryUser } from "./testing/ordinary-user.js";
import { testSystem, untilOver } from "./testing/test-worker.js";

/** The echo runtime, which does this first in the turn of the message `go`. */
const doing = (mischief: (context: RuntimeContext) => Promise<void>) =>
  echoWith((context, echo) => ({
    async *runTurn(input) {
      if (input.message === "go") await mischief(context);
      yield* echo.runTurn({ ...input, message: input.message === "go" ? "" : input.message });
    },
  }));

describe("an agent", () => {
  it("may put a file or a link in its workspace's place: the next turn has a workspace again", async ({
    onTestFinished,
  }) => {
    const { backend, start, directory } = await testSystem(onTestFinished);
    const outside = join(directory, "outside");
    await mkdir(outside);
    let kind = "file";
    const { file } = await start({
      createRuntime: doing(async ({ workspaceDirectory }) => {
        await rm(workspaceDirectory, { recursive: true });
        if (kind === "file") await writeFile(workspaceDirectory, "x");
        else await symlink(outside, workspaceDirectory);
      }),
    });
    for (kind of ["file", "link"]) {
      const message = await untilOver(backend.enqueue("c", "go"));
      expect(message.status).toBe(kind === "file" ? "failed" : "done");
      expect(await untilOver(backend.enqueue("c", `remember the ${kind}`))).toMatchObject({ status: "done" });
      expect(await readFile(file("c", "notes.md"), "utf8")).toContain(`- the ${kind}\n`);
    }
    expect(await readdir(outside)).toEqual([]);
  });

  it("may take away the right to read its files: they are saved all the same", async ({ onTestFinished }) => {
    const { backend, start, directory } = await testSystem(onTestFinished);
    await asOrdinaryUser(directory, async () => {
      const { dataDirectory, file } = await start({
        createRuntime: doing(async ({ workspaceDirectory }) => {
          await mkdir(join(workspaceDirectory, "locked"));
          for (const name of ["a", "locked/b"]) await writeFile(join(workspaceDirectory, name), name, { mode: 0o200 });
          await chmod(join(workspaceDirectory, "locked"), 0);
        }),
      });
      expect(await untilOver(backend.enqueue("c", "go"))).toMatchObject({ status: "done", attempts: 1 });
      await rm(join(dataDirectory, "conversations"), { recursive: true });
      expect(await untilOver(backend.enqueue("c", "hello"))).toMatchObject({ status: "done" });
      expect(await readFile(file("c", "locked/b"), "utf8")).toBe("locked/b");
      expect(await readFile(file("c", "a"), "utf8")).toBe("a");
    });
  });

  it("may have files in its outbox that nobody can send: the answer names them", async ({ onTestFinished }) => {
    const { backend, start, directory } = await testSystem(onTestFinished);
    await asOrdinaryUser(directory, async () => {
      await start({
        createRuntime: doing(async ({ workspaceDirectory }) => {
          const outbox = join(workspaceDirectory, "outbox");
          await mkdir(outbox);
          await writeFile(join(outbox, "secret.txt"), "x", { mode: 0 });
          await writeFile(join(outbox, " "), "x");
          await writeFile(Buffer.concat([Buffer.from(join(outbox, "caf")), Buffer.from([0xe9])]), "x");
          for (let number = 100; number < 140; number++) await writeFile(join(outbox, `n${number}`), "x");
        }),
      });
      const message = await untilOver(backend.enqueue("c", "go"));
      expect(message).toMatchObject({ status: "done", attempts: 1 });
      expect(message.files).toHaveLength(10);
      expect(message.reply).toContain("[  could not be handed over, because its name cannot be sent.]");
      expect(message.reply).toContain("[caf\ufffd could not be handed over, because its name cannot be sent.]");
      expect(message.reply).toContain("[n110 could not be handed over, because an answer has at most 10 files.]");
      expect(message.reply).toContain("[13 more could not be handed over, because an answer has at most 10 files.]");
    });
  });
});
