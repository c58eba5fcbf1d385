import { describe, expect, it } from "vitest";
import { flagSentence, newFlags } from "./flags";

describe("flags that have opened", () => {
  it("are those that were not there before", () => {
    expect(newFlags(["a", "b"], ["b", "c"])).toEqual(["c"]);
  });
  it("are none at the first look", () => {
    expect(newFlags(null, ["a"])).toEqual([]);
  });
  it("are told without a name", () => {
    expect(flagSentence(1)).toBe("A flag has opened for one of your patients.");
    expect(flagSentence(3)).toContain("3 of your patients");
  });
});
