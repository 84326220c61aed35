/**
 * Odd values in every argument of every function: each call ends in an answer or in an error that a caller can handle, and
 * leaves no number that is none. Functions and arguments are read from what is exposed, so that new ones are tried as well.
 */
import type { ValidatorJSON } from "convex/values";
import { describe, expect, it, vi } from "vitest";
import { enrollTestWorker } from "../test.js";
import { runScheduled, snapshotOfAllTables, TEST_ENCRYPTION_KEY, useFakeClock } from "../component/setup.test-kit.js";
import { AUDIENCES, sampleArgs, startApp, type App, type Exposed } from "./app.test-kit.js";
import { outcomeOf } from "./doors.test-kit.js";

type Args = Record<string, unknown>;

const STRINGS = ["", "\0", "__proto__", "\u{1F600}".repeat(20_000)];
const NUMBERS = [NaN, Infinity, -Infinity, -1, 0.5, 1e308];
/** Names that every object has anyway. */
const RECORDS = [Object.fromEntries([["__proto__", "x"]]), { constructor: "x", toString: "x" }];
const MANY = 9_000;

/** What may stand in an argument's place, one odd value at a time. */
function* oddities(validator: ValidatorJSON, sample: unknown): Generator {
  switch (validator.type) {
    case "string":
      yield* STRINGS;
      return;
    case "number":
      yield* NUMBERS;
      return;
    case "record":
      yield* RECORDS;
      return;
    case "array": {
      const element = elementOf(validator.value);
      for (const odd of oddities(validator.value, element)) yield [odd];
      yield Array.from({ length: MANY }, () => element);
      return;
    }
    case "object":
      for (const [name, { fieldType }] of Object.entries(validator.value)) {
        const fields = { ...(sample as Args) };
        for (const odd of oddities(fieldType, fields[name])) yield { ...fields, [name]: odd };
      }
      return;
    case "union":
      for (const member of validator.value) yield* oddities(member, elementOf(member));
      return;
    default:
      return;
  }
}

/** A sample of one value, by way of a function that takes nothing else. */
function elementOf(fieldType: ValidatorJSON): unknown {
  const args: ValidatorJSON = { type: "object", value: { only: { fieldType, optional: false } } };
  return sampleArgs({ exportArgs: () => JSON.stringify(args), exportReturns: () => "null" }).only;
}

/** A worker that has a turn of its own whenever it is asked for one. */
async function startTurns(app: App) {
  const policy = { isolation: "shared", conversationsPerWorker: 64 } as const;
  const { workerId, workerToken } = await enrollTestWorker(app.t, { policy });
  let count = 0;
  return async (): Promise<Args> => {
    const conversationId = `c${String(++count)}`;
    const payload = { provider: "app", providerUserId: "ada", messageText: "hi" };
    await app.call("enqueue", { conversationId, agentKey: "default", payload });
    const claim = (await app.call("workerClaim", { workerId, workerToken, conversationId })) as Args;
    const { messageId, leaseId, generation } = claim;
    return { workerId, workerToken, conversationId, messageId, leaseId, generation };
  };
}

const numbersIn = (value: unknown): number[] =>
  typeof value === "number"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(numbersIn)
      : [];

describe("odd values", () => {
  useFakeClock();

  const ENDING = ["workerComplete", "workerFail", "workerRelease"];
  /** These end what the others need, and take nothing but a name or an id that was tried with the others. */
  const LAST = ["workerDrained", "wipeFlyApp", "revokeUserAgentBinding"];

  for (const audience of ["worker", "user", "admin"] as const) {
    it(`in every argument for ${audience}s are answered, and leave no number that is none`, async () => {
      vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", TEST_ENCRYPTION_KEY);
      const app = startApp(() => ({ userId: "ada", isAdmin: true }));
      await app.call("seedDefaultAgent");
      const ada = { consumerUserId: "ada", agentKey: "default" };
      await app.call("bindUserAgent", ada);
      const nextTurn = await startTurns(app);
      const functions: [string, Exposed][] = Object.entries(AUDIENCES[audience]).filter(
        ([name]) => !LAST.includes(name),
      );
      // What disables the agent comes last, or nothing behind it would get any further.
      functions.sort(([left], [right]) => Number(left === "configureAgent") - Number(right === "configureAgent"));
      let turn = await nextTurn();
      let calls = 0;
      for (const [name, fn] of functions) {
        const validator = JSON.parse(fn.exportArgs()) as Extract<ValidatorJSON, { type: "object" }>;
        if (ENDING.includes(name)) turn = await nextTurn();
        const samples = sampleArgs(fn);
        for (const [argument, { fieldType }] of Object.entries(validator.value)) {
          for (const odd of oddities(fieldType, samples[argument])) {
            // Of the others only what must be there: what nobody has asked for could be refused first.
            const must = Object.entries({ ...samples, ...ada, ...turn }).filter(
              ([other]) => validator.value[other]?.optional === false,
            );
            const outcome = await outcomeOf(app, name, { ...Object.fromEntries(must), [argument]: odd });
            calls += 1;
            if (ENDING.includes(name) && "accepted" in outcome) turn = await nextTurn();
          }
        }
      }
      expect(calls).toBeGreaterThan(50);
      await runScheduled(app.t);
      const odd = numbersIn(await snapshotOfAllTables(app.t)).filter((number) => !Number.isFinite(number));
      expect(odd).toEqual([]);
    });
  }
});
