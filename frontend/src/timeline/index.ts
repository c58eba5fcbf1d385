/** The patient page: draws the chart that the server built, and follows running jobs. */

import Plotly, { type Figure } from "plotly.js-strict-dist-min";
import { followJobs, isOpen, jobText } from "../shared/jobs";
import { pageData, required } from "../shared/page";

type View = "infected" | "poi" | "lung";
const figures = pageData<Record<View, Figure>>("figures");
const chart = required<HTMLElement>("[data-chart]");

async function draw(view: View): Promise<void> {
  const figure = figures[view];
  const style = getComputedStyle(document.documentElement);
  const text = style.getPropertyValue("--text-quiet").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line };
  const layout = {
    ...figure.layout,
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { color: text, family: style.getPropertyValue("--font").trim(), size: 13 },
    xaxis: { ...(figure.layout.xaxis as object), ...axis },
    yaxis: { ...(figure.layout.yaxis as object), ...axis },
  };
  const plot = await Plotly.react(chart, figure.data, layout, { displayModeBar: false, responsive: true });
  plot.on("plotly_click", (event) => {
    const link = event.points[0]?.customdata;
    const address = Array.isArray(link) ? link[0] : link;
    if (typeof address === "string") location.assign(address);
  });
  chart.dataset.ready = view;
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
followPatient();
void draw("infected");
