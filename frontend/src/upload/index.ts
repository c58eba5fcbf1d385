/** The upload page: choose, send, follow. */

import { followJobs, isOpen, type Job, jobText } from "../shared/jobs";
import { api, required } from "../shared/page";
import { type Chosen, filesOfDrop, isClutter, needsClaims } from "./files";
import { type Progress, type Refused, Sender } from "./sender";
import { decimal, gettext } from "../shared/words";

interface Outcome {
  scans: { id: string; patient: string; acquired_at: string | null; quality: { text: string }[] }[];
  jobs: string[];
  rejected: { file: string; reason: string }[];
  held: { reason: string } | null;
}

const form = required<HTMLFormElement>("[data-upload]");
const zone = required<HTMLElement>("[data-zone]");
const summary = required<HTMLElement>("[data-summary]");
const list = required<HTMLUListElement>("[data-files]");
const bar = required<HTMLProgressElement>("[data-bar]");
const status = required<HTMLElement>("[data-status]");
const claims = required<HTMLElement>("[data-claims]");
const send = required<HTMLButtonElement>("[data-send]");
const result = required<HTMLElement>("[data-result]");
const LISTED = 8;

let chosen: Chosen[] = [];
let upload: string | null = null;
const seen = new Map<string, Job>();

function choose(files: Chosen[]): void {
  chosen = [...chosen, ...files];
  const bytes = chosen.reduce((sum, { file }) => sum + file.size, 0);
  summary.textContent = `${chosen.length === 1 ? gettext("1 file") : gettext("{count} files", { count: chosen.length })} · ${decimal(bytes / 1024 ** 2, 1)} MB`;
  list.replaceChildren(
    ...chosen.slice(0, LISTED).map(({ name }) => item(name)),
    ...(chosen.length > LISTED
      ? [item(gettext("… and {count} more", { count: chosen.length - LISTED }))]
      : []),
  );
  const asks = chosen.some(({ name }) => needsClaims(name));
  if (asks) required<HTMLDetailsElement>("details", claims).open = true;
  for (const field of claims.querySelectorAll<HTMLInputElement>("[data-needed]")) field.required = asks;
  send.disabled = chosen.length === 0;
}

function item(text: string): HTMLLIElement {
  const element = document.createElement("li");
  element.textContent = text;
  return element;
}

function paragraph(text: string, kind: string): HTMLParagraphElement {
  const element = document.createElement("p");
  element.textContent = text;
  element.className = kind;
  return element;
}

function link(text: string, href: string): HTMLAnchorElement {
  const element = document.createElement("a");
  element.textContent = text;
  element.href = href;
  return element;
}

function showProgress(progress: Progress): void {
  bar.hidden = false;
  bar.max = progress.totalBytes || 1;
  bar.value = progress.sentBytes;
  const share = Math.round((100 * progress.sentBytes) / (progress.totalBytes || 1));
  status.textContent = progress.waiting
    ? gettext("The connection broke; trying again. Nothing that has arrived is lost.")
    : gettext("Sending · {sent} of {total} files · {share} %", {
        sent: progress.sentFiles,
        total: progress.totalFiles,
        share,
      });
}

function completion(): object {
  const value = (name: string) => (form.elements.namedItem(name) as HTMLInputElement).value.trim();
  const body: Record<string, unknown> = {};
  if (value("mrn")) {
    body.patient = {
      mrn: value("mrn"),
      name: value("name"),
      birth_date: value("birth_date") || null,
      sex: value("sex"),
    };
  }
  // The field holds the hospital's wall clock; the server's zone stands in the page.
  if (value("acquired_at")) body.acquired_at = value("acquired_at");
  return body;
}

async function submit(): Promise<void> {
  send.disabled = true;
  result.replaceChildren();
  try {
    upload ??= (await api<{ id: string }>("/api/v1/uploads/", { method: "POST" })).id;
    const sender = new Sender(upload, chosen, showProgress);
    await sender.send();
    // What has arrived need not be sent again when only a claim was missing.
    chosen = [];
    status.textContent = gettext("Checking the files");
    const outcome = await api<Outcome>(`/api/v1/uploads/${upload}/complete/`, {
      method: "POST",
      body: JSON.stringify(completion()),
    });
    status.textContent = outcome.scans.length > 0 ? gettext("Sent.") : "";
    bar.hidden = true;
    showOutcome(outcome, sender.refused);
  } catch (error) {
    status.textContent = "";
    result.replaceChildren(
      paragraph(error instanceof Error ? error.message : String(error), "notice notice-error"),
    );
    send.disabled = false;
    result.scrollIntoView({ block: "nearest" });
  }
}

function showOutcome(outcome: Outcome, refused: Refused[]): void {
  if (outcome.held)
    result.append(
      paragraph(gettext("Held: {reason}", { reason: outcome.held.reason }), "notice notice-warning"),
    );
  outcome.scans.forEach((scan, i) => {
    const card = document.createElement("article");
    card.className = "result-card";
    const job = outcome.jobs[i] ?? "";
    card.dataset.job = job;
    const heading = document.createElement("h3");
    const time = scan.acquired_at
      ? new Date(scan.acquired_at).toLocaleString(document.documentElement.lang)
      : gettext("no acquisition time");
    heading.append(link(gettext("Scan of {time}", { time }), `/scans/${scan.id}/`));
    const state = paragraph(gettext("Waiting for a worker"), "job-state");
    state.setAttribute("aria-live", "polite");
    const progress = document.createElement("progress");
    progress.max = 100;
    card.append(heading, state, progress, link(gettext("Patient's timeline"), `/patients/${scan.patient}/`));
    for (const note of scan.quality) card.append(paragraph(note.text, "quiet"));
    result.append(card);
    const latest = seen.get(job);
    if (latest) showJob(latest);
    else void api<Job>(`/api/v1/jobs/${job}/`).then(showJob);
  });
  const problems = [...outcome.rejected.map(({ file, reason }) => ({ name: file, reason })), ...refused];
  const byReason = new Map<string, number>();
  for (const { reason } of problems) byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
  for (const [reason, count] of byReason) {
    const more = count > 1 ? ` (${gettext("{count} files", { count })})` : "";
    result.append(paragraph(`${reason}${more}`, "notice notice-warning"));
  }
  if (outcome.scans.length === 0 && !outcome.held)
    result.append(link(gettext("Send other files"), "/upload/"));
}

function showJob(job: Job): void {
  seen.set(job.id, job);
  const card = result.querySelector<HTMLElement>(`[data-job="${job.id}"]`);
  if (card === null) return;
  card.dataset.state = job.state;
  required(".job-state", card).textContent = job.state === "failed" ? job.error : jobText(job);
  const progress = required<HTMLProgressElement>("progress", card);
  progress.value = job.percent;
  progress.hidden = !isOpen(job);
  card.querySelector("[data-retry]")?.remove();
  if (job.state !== "failed") return;
  const retry = document.createElement("button");
  retry.type = "button";
  retry.dataset.retry = "";
  retry.className = "button";
  retry.textContent = gettext("Try again");
  retry.addEventListener(
    "click",
    () => void api<Job>(`/api/v1/jobs/${job.id}/retry/`, { method: "POST" }).then(showJob),
  );
  card.append(retry);
}

function wire(): void {
  for (const input of document.querySelectorAll<HTMLInputElement>("[data-pick]")) {
    const take = () => {
      const files = [...(input.files ?? [])].map((file) => ({
        file,
        name: file.webkitRelativePath || file.name,
      }));
      choose(files.filter(({ name }) => !isClutter(name)));
      input.value = "";
    };
    input.addEventListener("change", take);
    // A quick hand may have chosen before this script ran.
    if (input.files?.length) take();
  }
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-open-picker]")) {
    button.addEventListener("click", () =>
      required<HTMLInputElement>(`#${button.dataset.openPicker}`).click(),
    );
  }
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.dataset.over = "";
  });
  zone.addEventListener("dragleave", () => delete zone.dataset.over);
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    delete zone.dataset.over;
    if (event.dataTransfer) void filesOfDrop(event.dataTransfer.items).then(choose);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit();
  });
  followJobs(showJob, () => {
    for (const id of seen.keys()) void api<Job>(`/api/v1/jobs/${id}/`).then(showJob);
  });
}

wire();
