/**
 * The component's functions as this app offers them, e.g. `api.agentFactory.sendMessageToUserAgent`.
 *
 * Users reach their own things, admins need the operator's role, workers bring their own tokens. An app leaves out what
 * it does not use; the worker functions must stay in this module, whose name is the pool's `functionsModule`.
 */
import { factory } from "./factory.js";

export const { sendMessageToUserAgent } = factory;
