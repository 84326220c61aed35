/** The openclaw runtime with the real gateway: the contract of every runtime. */
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { describeRuntime } from "../../worker-image/src/runtimes/conformance.js";
import { OPENCLAW_VARIABLES } from "../../worker-image/src/runtimes/openclaw/settings.js";
import { configureRuntime } from "../../worker-image/src/runtimes/registry.js";
import type { Runtime, RuntimeContext } from "../../worker-image/src/runtimes/runtime.js";
import { ModelStub } from "../../worker-image/src/testing/model-stub.js";
import { MODEL_KEY, openClawEnvironment } from "./direct.js";
import { modelScript } from "./model.js";

const stub = await ModelStub.start(() => {}, modelScript);
afterAll(() => stub.stop());

/** Each runtime on a machine of another name, which is what a conversation meets that moves. */
const environment = await openClawEnvironment(stub);
const machines = await mkdtemp(join(tmpdir(), "openclaw-machines-"));
afterAll(() => rm(machines, { recursive: true }));
let count = 0;

function create(context: RuntimeContext): Runtime {
  const machine = `machine-${++count}`;
  const rename = `import os from "node:os"; import { syncBuiltinESMExports } from "node:module"; os.hostname = () => "${machine}"; syncBuiltinESMExports();`;
  const node = join(machines, machine);
  const program = `exec '${environment[OPENCLAW_VARIABLES.node]}' --import 'data:text/javascript,${encodeURIComponent(rename)}' "$@"`;
  // Without waiting: the file has to be there when the runtime is configured.
  writeFileSync(node, `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  return configureRuntime("openclaw", { ...environment, [OPENCLAW_VARIABLES.node]: node })(context);
}

describeRuntime("openclaw", {
  create,
  startTimeoutMs: 100_000,
  turnTimeoutMs: 40_000,
  environment: { OPENAI_API_KEY: MODEL_KEY },
  longMessage: "Please speak long.",
  memory: { tell: "remember that the cat is called Minou", ask: "What is the cat called?", expected: /Minou/ },
});
