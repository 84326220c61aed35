/** Puts what went wrong at the provider into the words an operator, and the sender of a waiting message, can act upon. */
import { agentFactoryError, isAgentFactoryError, type AgentFactoryErrorKind } from "../../shared/errors.js";
import { ProviderError } from "../providers/provider.js";

/** What keeps a pool from its work, as runs tell each other and rows keep it. */
export type Problem = { kind: string; message: string };

type KnownProblem = Problem & { kind: AgentFactoryErrorKind };

/** `null` for an error that neither the component nor a provider throws: a defect, and not to be explained away. */
export function describeProblem(error: unknown): KnownProblem | null {
  if (isAgentFactoryError(error)) return { kind: error.data.kind, message: error.data.message };
  if (!(error instanceof ProviderError)) return null;
  const reference = error.details.requestId === null ? "" : ` (Fly request ${error.details.requestId})`;
  switch (error.kind) {
    case "unauthorized":
      return {
        kind: "provider_unauthorized",
        message: `The provider refuses the stored token, or a quota is used up. Store a valid one: importSecret "fly.apiToken".${reference}`,
      };
    case "busy":
    case "ambiguous":
      return {
        kind: "provider_unreachable",
        message: `The provider cannot be reached or is overloaded; the pool keeps trying. ${error.message}${reference}`,
      };
    case "no_capacity":
      return {
        kind: "provider_no_capacity",
        message: `No configured region has room for another machine; the pool keeps trying. Add regions with setProviderRuntimeConfig. ${error.message}${reference}`,
      };
    case "not_found":
      return {
        kind: "provider_rejected",
        message: `The provider does not know the app, or it is not this token's. Check appName in setProviderRuntimeConfig. ${error.message}${reference}`,
      };
    case "name_taken":
    case "rejected":
      return { kind: "provider_rejected", message: `The provider refused: ${error.message}${reference}` };
  }
}

/** What a caller gets thrown: the error it knows how to handle, where there is one. */
export function asThrown(error: unknown): unknown {
  const problem = describeProblem(error);
  return problem === null ? error : agentFactoryError(problem.kind, problem.message);
}
