/** What users and the queue are told of each kind of error. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { ConvexError } from "convex/values";
import { describe, expect, it } from "vitest";
import { agentFactoryError } from "../../src/shared/errors.js";
import { BackendUnavailable } from "./backend/errors.js";
import { ArchiveRejected } from "./snapshots/archive-rejected.js";
import { TreeTooLarge } from "./snapshots/tree-scan.js";
import { describeFailure, TurnFailed } from "./turn-failure.js";
import { TransferFailed } from "./workspaces/transfer.js";

const withCode = (code: string) => Object.assign(new Error(`${code}: open '/data/conversations/secret'`), { code });

describe("a failed turn", () => {
  const cases: [string, unknown, object][] = [
    [
      "its own words",
      new TurnFailed("Too slow.", "timeout", 5),
      { errorMessage: "Too slow.", errorKind: "timeout", retryAfterMs: 5 },
    ],
    ["a full disk", withCode("ENOSPC"), { errorMessage: "The disk of the worker is full.", errorKind: "disk_full" }],
    [
      "a read-only disk",
      withCode("EROFS"),
      { errorMessage: "The disk of the worker cannot be written to.", errorKind: "disk_full" },
    ],
    [
      "another disk error",
      withCode("EACCES"),
      { errorMessage: "The worker could not read or write its disk (EACCES).", errorKind: "unknown" },
    ],
    [
      "an agent that is gone",
      agentFactoryError("agent_not_found", "It was removed."),
      { errorMessage: "It was removed.", errorKind: "agent_removed" },
    ],
    [
      "a missing secret",
      agentFactoryError("secret_missing", "Store it."),
      { errorMessage: "Store it.", errorKind: "config_error" },
    ],
    [
      "a lost backend",
      new BackendUnavailable("x"),
      { errorMessage: "The backend did not accept the turn.", errorKind: "unknown" },
    ],
    [
      "an unknown refusal",
      new ConvexError("x"),
      { errorMessage: "The backend did not accept the turn.", errorKind: "unknown" },
    ],
    [
      "storage",
      new TransferFailed("Refused."),
      { errorMessage: "The workspace could not be moved. Refused.", errorKind: "unreachable" },
    ],
    [
      "a large workspace",
      new TreeTooLarge("It is large."),
      { errorMessage: "It is large. Remove what is not needed.", errorKind: "output_too_large" },
    ],
    [
      "a defect that Node found",
      Object.assign(new TypeError("The argument must be a string. Received '/data/secret'"), { code: "ERR_X" }),
      { errorMessage: "Something unexpected went wrong in the worker; its log says what.", errorKind: "unknown" },
    ],
    [
      "a defect",
      new TypeError("x is not a function in /data/secret"),
      { errorMessage: "Something unexpected went wrong in the worker; its log says what.", errorKind: "unknown" },
    ],
  ];
  for (const [what, error, report] of cases) {
    it(`of ${what} is reported as what it is, without paths`, () => {
      expect(describeFailure(error)).toEqual(report);
    });
  }

  it("of a broken snapshot is not tried again", () => {
    const broken = new ArchiveRejected("malformed", "It is torn.");
    expect(describeFailure(broken)).toMatchObject({ errorKind: "unknown", retryable: false });
  });

  it.runIf(existsSync("/dev/full"))("knows a disk that is really full", async () => {
    const error: unknown = await writeFile("/dev/full", "x").catch((reason: unknown) => reason);
    expect(describeFailure(error)).toEqual({ errorMessage: "The disk of the worker is full.", errorKind: "disk_full" });
  });
});
