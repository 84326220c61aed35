import { describe, expect, it } from "vitest";
import { splitOperatorCode } from "./operator-code";

describe("splitOperatorCode", () => {
  it("takes the code out of the fragment and leaves nothing of it", () => {
    expect(splitOperatorCode("#operator=abc123")).toEqual({ code: "abc123", rest: "" });
    expect(splitOperatorCode("#operator=abc%2B1&tab=machines")).toEqual({ code: "abc+1", rest: "#tab=machines" });
  });

  it("removes an empty code without taking it for one", () => {
    expect(splitOperatorCode("#operator=")).toEqual({ code: null, rest: "" });
  });

  it("leaves other fragments alone", () => {
    expect(splitOperatorCode("#machines")).toEqual({ code: null, rest: "#machines" });
    expect(splitOperatorCode("")).toEqual({ code: null, rest: "" });
  });
});
