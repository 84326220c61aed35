/** The parts of the gateway's WebSocket protocol, version 4, that a turn needs. Pure. */
import { z } from "zod";

export const PROTOCOL_VERSION = 4;

export const vFrame = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("event"), event: z.string(), payload: z.unknown().optional() }),
  z.looseObject({
    type: z.literal("res"),
    id: z.string(),
    ok: z.boolean(),
    payload: z.unknown().optional(),
    error: z.looseObject({ code: z.string(), message: z.string() }).optional(),
  }),
]);

/** What the gateway is told about its client. With this id and mode no pairing is asked for on loopback. */
export function connectParameters(token: string) {
  return {
    minProtocol: PROTOCOL_VERSION,
    maxProtocol: PROTOCOL_VERSION,
    client: { id: "gateway-client", version: "1", platform: process.platform, mode: "backend" },
    role: "operator",
    scopes: ["operator.read", "operator.write", "operator.admin"],
    // Without it no event tells of tools.
    caps: ["tool-events"],
    auth: { token },
  };
}

/** An event of one run. */
export const vRunEvent = z.looseObject({
  runId: z.string(),
  stream: z.string(),
  data: z.looseObject({}),
});

export const vAssistantData = z.looseObject({ text: z.string(), itemId: z.string().optional() });
export const vToolData = z.looseObject({
  phase: z.string(),
  name: z.string(),
  toolCallId: z.string(),
  isError: z.boolean().optional(),
});
export const vLifecycleData = z.looseObject({
  errorObservation: z.looseObject({ failoverReason: z.string().nullish() }).nullish(),
});

const tokens = z.number().nonnegative().optional();

/** The answer to `agent`: first `accepted`, at the end the result; `in_flight` when another connection had asked. */
export const vAgentAnswer = z.looseObject({
  status: z.string(),
  stopReason: z.string().nullish(),
  result: z
    .looseObject({
      payloads: z.array(z.looseObject({ text: z.string().nullish(), isError: z.boolean().nullish() })).nullish(),
      meta: z
        .looseObject({
          agentMeta: z
            .looseObject({
              usage: z
                .looseObject({
                  input: tokens,
                  output: tokens,
                  cacheRead: tokens,
                  cacheWrite: tokens,
                  cost: z.looseObject({ total: z.number().nonnegative().optional() }).nullish(),
                })
                .nullish(),
            })
            .nullish(),
        })
        .nullish(),
    })
    .nullish(),
});
export type AgentAnswer = z.infer<typeof vAgentAnswer>;

/** The answer to `agent.wait`; the run is over when it says when it ended. */
export const vWaitAnswer = z.looseObject({ status: z.string(), endedAt: z.number().nullish() });

/** The answers to `gateway.suspend.prepare` and `.status`. */
export const vSuspension = z.looseObject({
  status: z.string(),
  suspensionId: z.string().optional(),
  retryAfterMs: z.number().nonnegative().optional(),
});
