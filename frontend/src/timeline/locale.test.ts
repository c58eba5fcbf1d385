import { expect, test } from "vitest";

import { chartLocale } from "./locale";

test("an English chart stays as Plotly draws it", () => {
  expect(chartLocale("en-gb")).toEqual({ config: {}, separators: ".," });
});

test("a German chart has German months, days before months, and a decimal comma", () => {
  const { config, separators } = chartLocale("de");
  expect(separators).toBe(",.");
  const { format } = (config as { locales: { de: { format: Record<string, string[]> } } }).locales.de;
  expect(format.months).toContain("März");
  expect(format.shortDays?.[0]).toBe("So");
  expect(format.dayMonthYear).toBe("%-d. %b %Y");
});
