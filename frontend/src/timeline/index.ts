/** The patient page: draws the chart that the server built, and follows running jobs. */

import Plotly, { type Figure, type PlotElement } from "plotly.js-basic-dist-min";
import { followJobs, isOpen, jobText } from "../shared/jobs";
import { pageData, required } from "../shared/page";
import { gettext } from "../shared/words";
import { chartLocale } from "./locale";

type View = "infected" | "poi" | "lung" | "lobes" | "score";
const figures = pageData<Record<View, Figure>>("figures");
/** What grew within the 48 hours before each scan, by the scan's address. */
const windows = pageData<Record<string, string>>("windows");
const chart = required<HTMLElement>("[data-chart]");
const windowText = required<HTMLElement>("[data-window]");
const band = required<HTMLElement>("[data-window-band]");
const WINDOW_MS = 48 * 3600 * 1000;
const locale = chartLocale(document.documentElement.lang);
let shown: View = "infected";
let isLogarithmic = false;

/** The address of the scan behind a point. */
function addressOf(customdata: unknown): string | undefined {
  const address: unknown = Array.isArray(customdata) ? customdata[0] : customdata;
  return typeof address === "string" ? address : undefined;
}

async function draw(view: View): Promise<void> {
  shown = view;
  const figure = figures[view];
  const style = getComputedStyle(document.documentElement);
  const text = style.getPropertyValue("--text-quiet").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line };
  const layout = {
    ...figure.layout,
    separators: locale.separators,
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { color: text, family: style.getPropertyValue("--font").trim(), size: 13 },
    xaxis: { ...(figure.layout.xaxis as object), ...axis },
    yaxis: { ...(figure.layout.yaxis as object), ...axis, type: isLogarithmic ? "log" : "linear" },
  };
  const plot = await Plotly.react(chart, figure.data, layout, {
    displayModeBar: false,
    responsive: true,
    ...locale.config,
  });
  for (const event of ["plotly_click", "plotly_hover", "plotly_unhover"] as const)
    plot.removeAllListeners(event);
  plot.on("plotly_click", (event) => {
    const address = addressOf(event.points[0]?.customdata);
    if (address) location.assign(address);
  });
  plot.on("plotly_hover", (event) => {
    const point = event.points.find((one) => addressOf(one.customdata));
    if (point) showWindow(plot, String(point.x), addressOf(point.customdata) ?? "");
  });
  plot.on("plotly_unhover", hideWindow);
  chart.dataset.ready = view;
}

/** The 48 hours before the scan under the cursor, and what grew in them. */
function showWindow(plot: PlotElement, acquired: string, address: string): void {
  const axis = plot._fullLayout.xaxis;
  const end = axis.d2p(acquired);
  const start = Math.max(
    0,
    end - WINDOW_MS * (axis._length / (axis.r2l(axis.range[1]) - axis.r2l(axis.range[0]))),
  );
  band.style.left = `${axis._offset + start}px`;
  band.style.width = `${Math.max(2, end - start)}px`;
  band.hidden = false;
  windowText.textContent =
    windows[address] ?? gettext("The first scan: there is nothing to compare it with.");
}

function hideWindow(): void {
  band.hidden = true;
  windowText.textContent = "";
}

function wireTools(): void {
  required<HTMLInputElement>("[data-log]").addEventListener("change", (event) => {
    isLogarithmic = (event.target as HTMLInputElement).checked;
    void draw(shown);
  });
  required<HTMLButtonElement>("[data-png]").addEventListener("click", () => {
    void Plotly.downloadImage(chart, { format: "png", width: 1200, height: 500, filename: "course" });
  });
}

function wireViews(): void {
  const buttons = document.querySelectorAll<HTMLButtonElement>("[data-view]");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      void draw(button.dataset.view as View);
    });
  }
}

function followPatient(): void {
  const patient = required<HTMLElement>("[data-patient]").dataset.patient;
  followJobs((job) => {
    if (job.patient !== patient) return;
    const cell = document.querySelector<HTMLElement>(`[data-job-of="${job.scan}"]`);
    if (cell) cell.textContent = jobText(job);
    if (!isOpen(job)) location.reload();
  });
}

wireViews();
wireTools();
followPatient();
void draw("infected");
