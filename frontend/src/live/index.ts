/** On every page: colour scheme, and on pages that list jobs their live state. */

import { followFlags } from "./flags";
import { followJobs, isOpen, jobText } from "../shared/jobs";
import { gettext } from "../shared/words";

const SCHEME_KEY = "lungtrend-scheme";
const root = document.documentElement;

function wireScheme(): void {
  const saved = localStorage.getItem(SCHEME_KEY);
  if (saved) root.dataset.scheme = saved;
  document.querySelector("[data-scheme-toggle]")?.addEventListener("click", () => {
    const isDark = root.dataset.scheme
      ? root.dataset.scheme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.scheme = isDark ? "light" : "dark";
    localStorage.setItem(SCHEME_KEY, root.dataset.scheme);
  });
}

/** Elements with `data-patient-job` show the state of that patient's running job; lists reload when one ends. */
function followLists(): void {
  if (!document.querySelector("[data-live-jobs]")) return;
  followJobs(
    (job) => {
      const place = document.querySelector<HTMLElement>(`[data-patient-job="${job.patient}"]`);
      if (place) place.textContent = isOpen(job) ? jobText(job) : "";
      if (!isOpen(job) || !place) soonReload();
    },
    () => location.reload(),
  );
}

let reloading = 0;
function soonReload(): void {
  clearTimeout(reloading);
  reloading = window.setTimeout(() => {
    // Never under the hands of somebody who types a search.
    if (!document.activeElement?.matches("input, textarea, select")) location.reload();
  }, 1200);
}

/** A button that copies a text beside it. */
function wireCopy(): void {
  const source = document.querySelector<HTMLTextAreaElement>("[data-copy-source]");
  const status = document.querySelector<HTMLElement>("[data-copy-status]");
  document.querySelector("[data-copy]")?.addEventListener("click", () => {
    if (!source || !status) return;
    source.select();
    navigator.clipboard.writeText(source.value).then(
      () => (status.textContent = gettext("Copied.")),
      () => (status.textContent = gettext("The text is selected; copy it with Ctrl-C.")),
    );
  });
}

wireScheme();
wireCopy();
followLists();
followFlags();
