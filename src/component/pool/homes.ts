/** Names the places machines live in: a worker's machine is looked for and destroyed where it was made, wherever new ones are made by then. */
import type { ProviderConfig } from "../../shared/provider-config.js";

export type Home = Pick<ProviderConfig, "kind" | "appName">;

/** The same text for the same app of the same provider. */
export function homeOf({ kind, appName }: Home): string {
  return `${kind}:${appName}`;
}

/** @throws for text that {@link homeOf} did not make: a broken invariant */
export function parseHome(home: string): Home {
  const [kind, appName] = home.split(":", 2);
  if ((kind !== "fly" && kind !== "local") || appName === undefined) throw new Error(`Not a home of machines: ${home}`);
  return { kind, appName };
}
