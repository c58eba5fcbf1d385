/** Words of the page in the reader's language. */

/** What Django's JavaScript catalogue puts on the page; absent in English. */
interface Catalogue {
  gettext(text: string): string;
}

/** A text in the reader's language, its `{places}` filled in. */
export function gettext(text: string, places: Record<string, string | number> = {}): string {
  const { django } = globalThis as { django?: Catalogue };
  const found = django?.gettext(text) ?? text;
  return found.replace(/\{(\w+)\}/g, (whole, name: string) => String(places[name] ?? whole));
}

/** A number as the reader's language writes it. */
export function decimal(value: number, digits: number): string {
  const language = globalThis.document?.documentElement.lang || "en-GB";
  const form = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false };
  return new Intl.NumberFormat(language, form).format(value);
}
