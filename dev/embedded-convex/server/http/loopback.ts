/** What counts as this machine itself: the only addresses the backend binds, and the only names it answers to. */

export const IPV4_LOOPBACK = "127.0.0.1";
export const IPV6_LOOPBACK = "::1";

const LOOPBACK_NAMES = new Set(["localhost", IPV4_LOOPBACK, `[${IPV6_LOOPBACK}]`]);

/**
 * Whether a `Host` header names this machine. A page from the internet can make its own name resolve to 127.0.0.1
 * ("DNS rebinding") and would then be same-origin with the backend; its requests still carry that name, so they are refused.
 */
export function isLoopbackHost(hostHeader: string | undefined): boolean {
  if (hostHeader === undefined) return false;
  const name = /^(\[[0-9a-f:]+\]|[^:]+)(?::\d{1,5})?$/i.exec(hostHeader)?.[1];
  return name !== undefined && LOOPBACK_NAMES.has(name.toLowerCase());
}
