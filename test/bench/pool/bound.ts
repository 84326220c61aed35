/**
 * What no policy can be better than: a machine that is there the moment a turn may begin, and gone the moment it ends.
 *
 * A conversation's messages run one after the other here as well, so a wait remains where a message comes before the answer
 * to the last one.
 */
import { Meter } from "./meter.js";
import type { Measured } from "./results.js";
import type { Trace } from "./traces.js";

export function simulateBound({ messages }: Trace): Measured {
  const meter = new Meter();
  const freeAt = new Map<string, number>();
  const waits: number[] = [];
  let lifetimeMs = 0;
  const edges: { at: number; change: 1 | -1 }[] = [];
  for (const { at, conversationId, turnMs } of messages) {
    const begins = Math.max(at, freeAt.get(conversationId) ?? 0);
    const ends = begins + turnMs;
    freeAt.set(conversationId, ends);
    waits.push(begins - at);
    meter.book("started", begins, ends);
    lifetimeMs += turnMs;
    edges.push({ at: begins, change: 1 }, { at: ends, change: -1 });
  }
  // At the same moment the machine that ends makes place for the one that begins.
  edges.sort((left, right) => left.at - right.at || left.change - right.change);
  for (const { change } of edges) meter.countMachines(change);
  return { meter, waits, providerCalls: 0, met: {}, lifetimeMs };
}
