/** Signs in to the example as its pages do: an anonymous user with a secret of their own. */
import { randomBytes } from "node:crypto";
import { ConvexClient, type ConvexHttpClient } from "convex/browser";
import WebSocket from "ws";
import { api } from "../../example/convex/_generated/api.js";

export type Session = { token: string; userId: string };

export async function signIn(http: ConvexHttpClient, operatorCode?: string): Promise<Session> {
  const sessionSecret = randomBytes(32).toString("base64url");
  const { token, userId } = await http.action(api.session.startSession, {
    sessionSecret,
    ...(operatorCode === undefined ? {} : { operatorCode }),
  });
  return { token, userId };
}

/** A live connection of a signed-in user; node 20 has no WebSocket of its own. */
export function connect(cloudUrl: string, { token }: Session): ConvexClient {
  const client = new ConvexClient(cloudUrl, { webSocketConstructor: WebSocket as never, logger: false });
  client.setAuth(async () => await Promise.resolve(token));
  return client;
}
