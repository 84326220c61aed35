/** The runtimes this image contains, by the name under which a worker is told to use one. */
import type { Environment } from "../config.js";
import { chatRuntimeKind } from "./chat/chat.js";
import { echoRuntimeKind } from "./echo/echo.js";
import { openClawRuntimeKind } from "./openclaw/openclaw.js";
import type { Runtime, RuntimeContext, RuntimeKind } from "./runtime.js";

const KINDS: ReadonlyMap<string, RuntimeKind> = new Map([
  ["echo", echoRuntimeKind],
  ["chat", chatRuntimeKind],
  ["openclaw", openClawRuntimeKind],
]);

export const RUNTIME_NAMES: readonly string[] = [...KINDS.keys()];

/** @throws ConfigError when the runtime's own settings are wrong */
export function configureRuntime(name: string, environment: Environment): (context: RuntimeContext) => Runtime {
  const kind = KINDS.get(name);
  if (kind === undefined) throw new Error(`No such runtime: ${name}`);
  return kind.configure(environment);
}
