import { describe, expect, it } from "vitest";
import { backOff, jobText } from "../shared/jobs";
import { batches, isClutter, needsClaims, sha256 } from "./files";

const files = (count: number, size: number) => Array.from({ length: count }, () => ({ file: { size } }));

describe("batches", () => {
  it("keep every file once", () => {
    expect(batches(files(150, 500_000)).flat()).toHaveLength(150);
  });
  it("hold few files, and one large file by itself", () => {
    expect(Math.max(...batches(files(150, 1)).map((batch) => batch.length))).toBeLessThanOrEqual(40);
    expect(batches(files(3, 100_000_000)).map((batch) => batch.length)).toEqual([1, 1, 1]);
  });
});

describe("names", () => {
  it("tell which files carry no patient", () => {
    expect(["a.nii.gz", "B.NII", "c.mha", "d.dcm", "e.zip", "f"].map(needsClaims)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
  it("tell clutter from scans", () => {
    expect(["x/.DS_Store", "Thumbs.db", "x/IM1"].map(isClutter)).toEqual([true, true, false]);
  });
});

describe("sending again", () => {
  it("waits longer after every failure, up to a limit", () => {
    expect([0, 1, 2, 30].map(backOff)).toEqual([500, 1000, 2000, 15_000]);
  });
  it("names content as the server does", async () => {
    expect(await sha256(new Blob(["abc"]))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});

it("tells a job's state in words", () => {
  const job = {
    id: "",
    scan: "",
    patient: "",
    pipeline: "",
    stage: "lungs",
    percent: 40,
    attempts: 1,
    prior: null,
    error: "",
  };
  expect(jobText({ ...job, state: "running" })).toBe("Finding the lungs · 40 %");
  expect(jobText({ ...job, state: "queued" })).toBe("Waiting for a worker");
});
