/** Plotly's words for dates and numbers, made from what the browser knows of the page's language. */

/** A Sunday. */
const FIRST_DAY = Date.UTC(2023, 0, 1);
const DAY_MS = 24 * 3600 * 1000;

/** Settings for `Plotly.react`: its configuration, and the separators of numbers for the layout. */
export function chartLocale(language: string): { config: object; separators: string } {
  if (language.startsWith("en")) return { config: {}, separators: ".," };
  const words = (style: Intl.DateTimeFormatOptions, dates: number[]) =>
    dates.map((date) => new Intl.DateTimeFormat(language, { ...style, timeZone: "UTC" }).format(date));
  const days = Array.from({ length: 7 }, (_, day) => FIRST_DAY + day * DAY_MS);
  const months = Array.from({ length: 12 }, (_, month) => Date.UTC(2023, month, 1));
  const format = {
    days: words({ weekday: "long" }, days),
    shortDays: words({ weekday: "short" }, days),
    months: words({ month: "long" }, months),
    shortMonths: words({ month: "short" }, months),
    date: "%d.%m.%Y",
    dayMonth: "%-d. %b",
    dayMonthYear: "%-d. %b %Y",
  };
  const decimal = new Intl.NumberFormat(language).formatToParts(1.5).find(({ type }) => type === "decimal");
  const point = decimal?.value ?? ".";
  return {
    config: { locale: language, locales: { [language]: { dictionary: {}, format } } },
    separators: point === "," ? ",." : ".,",
  };
}
