import { afterEach, expect, test } from "vitest";

import { decimal, gettext } from "./words";

afterEach(() => {
  delete (globalThis as { django?: unknown }).django;
});

test("without a catalogue a text stands as it is, with its places filled in", () => {
  expect(gettext("{sent} of {total} files", { sent: 1, total: 3 })).toBe("1 of 3 files");
});

test("a catalogue's text may put the places in another order", () => {
  (globalThis as { django?: unknown }).django = { gettext: () => "{total} Dateien, {sent} davon" };
  expect(gettext("{sent} of {total} files", { sent: 1, total: 3 })).toBe("3 Dateien, 1 davon");
});

test("a place that nobody fills is left to be seen", () => {
  expect(gettext("slice {number}")).toBe("slice {number}");
});

test("numbers have their decimals", () => {
  expect(decimal(1234.56, 1)).toBe("1234.6");
});
