/** The openclaw runtime with the real gateway: the contract of every runtime. */
import { onTestFinished } from "vitest";
import { configureRuntime } from "../../worker-image/src/runtimes/registry.js";
import { describeRuntime } from "../../worker-image/src/runtimes/conformance.js";
import { ModelStub } from "../../worker-image/src/testing/model-stub.js";
import { CHAT_VARIABLES } from "../../worker-image/src/runtimes/chat/settings.js";
import { OPENCLAW_VARIABLES } from "../../worker-image/src/runtimes/openclaw/settings.js";
import { installOpenClaw } from "./installation.js";
import { modelScript } from "./model.js";

const { node, entry } = await installOpenClaw();
const KEY = "key-of-the-model-3f9c1d77";
const stub = await ModelStub.start(() => {}, modelScript);

const create = configureRuntime("openclaw", {
  [OPENCLAW_VARIABLES.node]: node,
  [OPENCLAW_VARIABLES.entry]: entry,
  [CHAT_VARIABLES.baseUrl]: stub.baseUrl,
  [CHAT_VARIABLES.model]: "stub-1",
  [CHAT_VARIABLES.inputPrice]: "1",
  [CHAT_VARIABLES.outputPrice]: "2",
});

describeRuntime("openclaw", {
  create: (context) => {
    const runtime = create(context);
    onTestFinished(() => runtime.stop());
    return runtime;
  },
  startTimeoutMs: 100_000,
  turnTimeoutMs: 40_000,
  environment: { OPENAI_API_KEY: KEY },
  longMessage: "Please speak long.",
  memory: { tell: "remember that the cat is called Minou", ask: "What is the cat called?", expected: /Minou/ },
});
