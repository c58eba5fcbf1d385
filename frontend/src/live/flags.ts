/** Flags that have opened since this person last saw the worklist: told in the page, and by the browser on consent. */

import { gettext } from "../shared/words";

const KEY = "lungtrend-flags";

/** Keys that are in `now` and were not in `before`; nothing is new to somebody who has seen no list yet. */
export function newFlags(before: readonly string[] | null, now: readonly string[]): string[] {
  return before ? now.filter((key) => !before.includes(key)) : [];
}

/** One sentence; it names nobody, because a browser's notifications stay on the lock screen. */
export function flagSentence(count: number): string {
  return count === 1
    ? gettext("A flag has opened for one of your patients.")
    : gettext("Flags have opened for {count} of your patients.", { count });
}

function saved(): string[] | null {
  const text = sessionStorage.getItem(KEY);
  return text ? (JSON.parse(text) as string[]) : null;
}

/** On the worklist: tell what is new, and offer to be told when the page is in the background. */
export function followFlags(): void {
  const list = document.querySelector<HTMLElement>("[data-flags]");
  if (!list) return;
  const rows = document.querySelectorAll<HTMLElement>("tr[data-flag-key]");
  const now = [...rows].map((row) => row.dataset.flagKey ?? "");
  const opened = newFlags(saved(), now);
  // Another part of the list shows others: only the whole list says which flags there are.
  if (list.dataset.flags === "all") sessionStorage.setItem(KEY, JSON.stringify(now));
  if (opened.length && list.dataset.flags === "all") {
    for (const row of rows) row.classList.toggle("is-new", opened.includes(row.dataset.flagKey ?? ""));
    list.textContent = flagSentence(opened.length);
    list.hidden = false;
    if ("Notification" in window && Notification.permission === "granted") {
      new Notification("LungTrend", { body: flagSentence(opened.length), tag: "lungtrend-flags" });
    }
  }
  offerNotifications();
}

function offerNotifications(): void {
  const button = document.querySelector<HTMLButtonElement>("[data-notify]");
  if (!button || !("Notification" in window) || Notification.permission !== "default") return;
  button.hidden = false;
  button.addEventListener("click", () => {
    void Notification.requestPermission().then(() => (button.hidden = true));
  });
}
