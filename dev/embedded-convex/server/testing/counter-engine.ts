/** A small engine in memory for tests of the servers: an app of named counters, with real commits, read sets, identities and files. */
import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { JSONValue } from "convex/values";
import type { CallResult, Commit, Engine, FunctionCall, FunctionKind, StoredFile } from "../../engine/types.js";

/** What a function of the counter app gets: reads and writes are noted as the real engine notes them. */
interface Context {
  args: Record<string, unknown>;
  call: FunctionCall;
  read(name: string): number;
  write(name: string, value: number): void;
  names(): string[];
  log(line: string): void;
  env: ReadonlyMap<string, string>;
}

interface CounterFunction {
  kind: FunctionKind;
  isPublic: boolean;
  componentPath?: string;
  run(context: Context): JSONValue | Promise<JSONValue>;
}

/** "All names": read by listing, written by creating. */
const LISTING = "\0names";

export interface CounterEngine extends Engine {
  /** How often each function ran. */
  runs: Map<string, number>;
  /** Functions can be added by tests. */
  functionTable: Map<string, CounterFunction>;
  providers: JSONValue[];
  /** Adds to a counter as a scheduled function would: a commit that no client asked for. */
  add(name: string, amount: number): void;
}

export function makeCounterEngine(): CounterEngine {
  const counters = new Map<string, number>();
  const env = new Map<string, string>();
  const listeners = new Set<(commit: Commit) => void>();
  const files = new Map<string, StoredFile>();
  const tokens = new Set<string>();
  const directory = mkdtempSync(join(tmpdir(), "counter-engine-"));
  const runs = new Map<string, number>();
  const providers: JSONValue[] = [];
  let ts = BigInt(Date.now()) * 1_000_000n;
  let transactions: Promise<unknown> = Promise.resolve();

  const functionTable = new Map<string, CounterFunction>([
    ["counters:get", { kind: "query", isPublic: true, run: ({ args, read }) => read(String(args["name"])) }],
    ["counters:list", { kind: "query", isPublic: true, run: ({ names }) => names() }],
    [
      "counters:add",
      {
        kind: "mutation",
        isPublic: true,
        run: async ({ args, read, write, log }) => {
          if (typeof args["delayMs"] === "number") await sleep(args["delayMs"]);
          const next = read(String(args["name"])) + Number(args["amount"] ?? 1);
          write(String(args["name"]), next);
          log(`added to ${String(args["name"])}`);
          return next;
        },
      },
    ],
    ["counters:noop", { kind: "mutation", isPublic: true, run: () => null }],
    ["counters:echo", { kind: "action", isPublic: true, run: ({ args }) => args["value"] as JSONValue }],
    ["counters:whoami", { kind: "query", isPublic: true, run: ({ call }) => (call.identity ?? null) as JSONValue }],
    [
      "counters:variable",
      { kind: "query", isPublic: true, run: (context) => context.env.get(String(context.args["name"])) ?? null },
    ],
    ["counters:secret", { kind: "query", isPublic: false, run: () => "for admins" }],
    [
      "counters:fail",
      {
        kind: "mutation",
        isPublic: true,
        run: () => {
          throw Object.assign(new Error("It failed on purpose"), { data: { reason: "purpose" } });
        },
      },
    ],
    ["inner:hello", { kind: "query", isPublic: false, componentPath: "inner", run: () => "hello from inside" }],
  ]);

  const commit = (written: Map<string, number>) => {
    if (written.size === 0) return;
    const names = new Set(written.keys());
    for (const [name, value] of written) {
      if (!counters.has(name)) names.add(LISTING);
      counters.set(name, value);
    }
    ts += 1n;
    for (const listener of listeners) listener({ ts, writes: names });
  };

  const execute = async (call: FunctionCall): Promise<CallResult> => {
    const reads = new Set<string>();
    const written = new Map<string, number>();
    const logLines: string[] = [];
    const base = () => ({ logLines, readSet: reads, ts, journal: null });
    const declared = functionTable.get(call.path);
    if (
      declared === undefined ||
      (declared.componentPath ?? "") !== (call.componentPath ?? "") ||
      (!declared.isPublic && !call.allowInternal) ||
      (call.kind !== "any" && call.kind !== declared.kind)
    ) {
      return { ...base(), success: false, errorMessage: `Could not find public function for '${call.path}'.` };
    }
    runs.set(call.path, (runs.get(call.path) ?? 0) + 1);
    const startedAt = ts;
    const args = typeof call.args === "object" && call.args !== null && !Array.isArray(call.args) ? call.args : {};
    try {
      const value = await declared.run({
        args,
        call,
        read: (name) => {
          reads.add(name);
          return written.get(name) ?? counters.get(name) ?? 0;
        },
        write: (name, value) => void written.set(name, value),
        names: () => {
          reads.add(LISTING);
          return [...counters.keys()].sort();
        },
        log: (line) => void logLines.push(`[LOG] '${line}'`),
        env,
      });
      if (declared.kind === "mutation") commit(written);
      return { ...base(), ts: declared.kind === "query" ? startedAt : ts, success: true, value, kind: declared.kind };
    } catch (error) {
      const errorData = error instanceof Error && "data" in error ? { errorData: error.data as JSONValue } : {};
      return {
        ...base(),
        ts: startedAt,
        success: false,
        errorMessage: error instanceof Error ? error.message : "?",
        ...errorData,
      };
    }
  };

  const engine: CounterEngine = {
    runs,
    functionTable,
    providers,
    add: (name, amount) => commit(new Map([[name, (counters.get(name) ?? 0) + amount]])),
    call: async (call) => {
      if (functionTable.get(call.path)?.kind === "action") return await execute(call);
      const turn = transactions.then(async () => await execute(call));
      transactions = turn;
      return await turn;
    },
    fetchHttpAction: async (request, identity) => {
      const url = new URL(request.url);
      if (url.pathname === "/echo") {
        return new Response(request.body, {
          headers: { "x-url": request.url, "x-user": identity?.subject ?? "nobody" },
        });
      }
      if (url.pathname === "/cookies")
        return new Response(null, {
          status: 204,
          headers: [
            ["set-cookie", "a=1"],
            ["set-cookie", "b=2"],
          ],
        });
      if (url.pathname === "/throw") throw new Error("a detail that stays in the log");
      return null;
    },
    onCommit: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    isAffected: (readSet, { writes }) =>
      readSet instanceof Set && writes instanceof Set && [...writes].some((name) => readSet.has(name)),
    latestTs: () => ts,
    functions: () =>
      [...functionTable].map(([path, { kind, isPublic, componentPath = "" }]) => ({
        path,
        kind,
        isPublic,
        componentPath,
        args: { type: "any" },
        returns: { type: "any" },
      })),
    tables: (componentPath) => (componentPath === "" ? ["counters"] : []),
    readTable: (_componentPath, table, { limit, order }) => {
      const rows = table === "counters" ? [...counters].map(([name, value]) => ({ _id: name, name, value })) : [];
      return (order === "desc" ? rows.reverse() : rows).slice(0, limit);
    },
    env: {
      list: () => Object.fromEntries(env),
      set: async (name, value) => {
        if (value === undefined) env.delete(name);
        else env.set(name, value);
      },
    },
    storage: {
      checkUploadToken: (token) => (tokens.delete(token) ? { componentPath: "" } : null),
      store: async (_componentPath, bytes, contentType) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of bytes) chunks.push(chunk);
        const content = Buffer.concat(chunks);
        const uuid = randomUUID();
        const path = join(directory, uuid);
        writeFileSync(path, content);
        const sha256Hex = createHash("sha256").update(content).digest("hex");
        const file: StoredFile = { storageId: uuid, contentType, sha256Hex, size: content.byteLength, path };
        files.set(uuid, file);
        return file;
      },
      open: (uuid) => files.get(uuid) ?? null,
    },
    authProviders: () => providers,
    close: async () => {
      listeners.clear();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  functionTable.set("files:mint", {
    kind: "mutation",
    isPublic: true,
    run: () => {
      const token = randomUUID();
      tokens.add(token);
      return token;
    },
  });
  return engine;
}
