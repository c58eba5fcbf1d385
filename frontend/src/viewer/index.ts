/** The viewer's page: wires picture, controls, keys and the URL together. */

import { followJobs, isOpen, type Job, jobText } from "../shared/jobs";
import { api, pageData, required } from "../shared/page";
import { Beside, type BesideData } from "./beside";
import type { Companion } from "./companion";
import { type CompareData, Comparison } from "./compare";
import { borderLetters, clamp, flipIndex, type Grid, pointOf } from "./geometry";
import { defaultLayers, LAYERS, type LayerName } from "./layers";
import { Cine } from "./cine";
import { type EditData, Editor } from "./editor";
import { Marks } from "./marks";
import { fetchLabelFile, fetchLabels } from "./nifti";
import { Planes } from "./planes";
import { Space } from "./space";
import { Stage } from "./stage";
import { fromHash, PRESETS, toHash } from "./state";
import { drawStrip } from "./strip";
import { decimal, gettext } from "../shared/words";

interface ViewerData {
  scan: string;
  grid: Grid;
  framesUrl: string;
  hasVolume: boolean;
  masks: { lobes: string; infection: string } | null;
  infectedBySliceMl: number[];
  job: Job | null;
  compare: CompareData | null;
  beside: BesideData | null;
  /** Null for people who may not correct masks, and beside a prior. */
  edit: EditData | null;
}

const data = pageData<ViewerData>("viewer-data");
const layers = defaultLayers();
const count = data.grid.shape_zyx[0];
const picture = required<HTMLDivElement>("[data-picture]");
const slider = required<HTMLInputElement>("[data-slider]");
const position = required<HTMLElement>("[data-position]");
const windowText = required<HTMLElement>("[data-window]");
const huText = required<HTMLElement>("[data-hu]");
const loadedBar = required<HTMLProgressElement>("[data-loaded]");
const message = required<HTMLElement>("[data-message]");
const strip = required<HTMLCanvasElement>("[data-strip]");
const help = required<HTMLDialogElement>("[data-help]");
/** Absent where the pipeline made no explanation image. */
const explanation = document.querySelector<HTMLDialogElement>("[data-explanation]");

const remembered = fromHash(location.hash);
const view = {
  image: clamp((remembered.image ?? mostInfected() + 1) - 1, 0, count - 1),
  width_hu: remembered.width_hu ?? 1500,
  level_hu: remembered.level_hu ?? -600,
};
if (remembered.layers) for (const name of LAYERS) layers[name].visible = remembered.layers.includes(name);

const stage = new Stage(
  picture,
  required<HTMLCanvasElement>("[data-masks]"),
  { scan: data.scan, framesUrl: data.framesUrl, grid: data.grid },
  layers,
  { loaded: (n) => showLoaded(n), shown: () => showPosition() },
);

const beside = data.beside
  ? new Beside(data.beside, { scan: data.scan, framesUrl: data.framesUrl, grid: data.grid }, layers)
  : null;
/** What stands beside the scan: a prior, or the scan with other masks. */
const companion: Companion | null = data.compare
  ? new Comparison(data.compare, data.grid, layers, (growth) => stage.setGrowth(growth))
  : beside;

const planes = companion
  ? null
  : new Planes(
      {
        grid: data.grid,
        sliceOf: (index) => stage.sliceOf(index),
        labels: () => stage.shownLabels,
        growth: () => stage.shownGrowth,
      },
      layers,
      (at) => {
        go(flipIndex(data.grid, at.slice));
        stage.setCrossing(at);
      },
    );
const space = new Space(data.grid, () => stage.shownLabels);
const marks = new Marks(stage, (image) => go(image));
const cine = new Cine(() => go((view.image + 1) % count));

let editor: Editor | null = null;

/** Displayed image with most infection; the middle one when there is none. */
function mostInfected(): number {
  const most = Math.max(0, ...data.infectedBySliceMl);
  if (most === 0) return Math.floor(count / 2);
  return flipIndex(data.grid, data.infectedBySliceMl.indexOf(most));
}

function go(image: number): void {
  view.image = clamp(image, 0, count - 1);
  slider.value = String(view.image + 1);
  void stage.show(view.image);
  void companion?.follow(view.image);
  planes?.move({ slice: flipIndex(data.grid, view.image) });
  remember();
}

/** Show or hide the other planes, crossing where they crossed last. */
function showPlanes(isOn: boolean): void {
  if (planes === null) return;
  planes.show(isOn);
  stage.setCrossing(isOn ? planes.at : null);
  required("[data-open-planes]").setAttribute("aria-pressed", String(isOn));
  remember();
}

function crossAt(clientX: number, clientY: number): void {
  const at = stage.voxelAt(clientX, clientY);
  if (planes === null || !planes.isOn || at === null) return;
  planes.move(at);
  stage.setCrossing(planes.at);
  remember();
}

function showPosition(): void {
  const index = flipIndex(data.grid, view.image);
  const z = pointOf(data.grid, [index, 0, 0])[2];
  position.textContent = `${view.image + 1} / ${count} · ${decimal(z, 1)} mm`;
  slider.setAttribute(
    "aria-valuetext",
    gettext("slice {number} of {count}", { number: view.image + 1, count }),
  );
  drawStrip(strip, displayedProfile(), view.image);
}

function displayedProfile(): number[] {
  const profile = data.infectedBySliceMl;
  return Array.from({ length: count }, (_, image) => profile[flipIndex(data.grid, image)] ?? 0);
}

function showLoaded(n: number): void {
  loadedBar.value = n;
  loadedBar.hidden = n >= count;
  planes?.redraw();
}

function setWindow(width_hu: number, level_hu: number): void {
  view.width_hu = clamp(width_hu, 1, 4000);
  view.level_hu = clamp(level_hu, -1200, 3000);
  stage.setWindow(view.width_hu, view.level_hu);
  companion?.setWindow(view.width_hu, view.level_hu);
  planes?.setWindow(view.width_hu, view.level_hu);
  windowText.textContent = `W ${Math.round(view.width_hu)} L ${Math.round(view.level_hu)}`;
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-preset]")) {
    const preset = PRESETS[button.dataset.preset ?? ""];
    const chosen = preset?.width_hu === view.width_hu && preset.level_hu === view.level_hu;
    button.setAttribute("aria-pressed", String(chosen));
  }
  remember();
}

let remembering = 0;
function remember(): void {
  clearTimeout(remembering);
  remembering = window.setTimeout(() => {
    const shown = LAYERS.filter((name) => layers[name].visible);
    history.replaceState(
      null,
      "",
      toHash({ ...view, image: view.image + 1, layers: shown, planes: planes?.isOn ? planes.at : null }),
    );
  }, 200);
}

function toggle(name: LayerName, visible = !layers[name].visible): void {
  layers[name].visible = visible;
  const box = document.querySelector<HTMLInputElement>(`[data-layer="${name}"]`);
  if (box !== null) box.checked = visible;
  repaint();
  remember();
}

function repaint(): void {
  stage.repaint();
  companion?.repaint();
  planes?.redraw();
}

function zoomBy(factor: number): void {
  stage.zoomBy(factor);
  companion?.zoomBy(factor);
}

function reset(): void {
  stage.reset();
  companion?.reset();
}

function wireControls(): void {
  slider.max = String(count);
  slider.value = String(view.image + 1);
  loadedBar.max = count;
  slider.addEventListener("input", () => go(Number(slider.value) - 1));
  for (const box of document.querySelectorAll<HTMLInputElement>("[data-layer]")) {
    const name = box.dataset.layer as LayerName;
    box.checked = layers[name].visible;
    box.addEventListener("change", () => toggle(name, box.checked));
  }
  for (const range of document.querySelectorAll<HTMLInputElement>("[data-opacity]")) {
    const name = range.dataset.opacity as LayerName;
    range.value = String(Math.round(layers[name].opacity * 100));
    range.addEventListener("input", () => {
      layers[name].opacity = Number(range.value) / 100;
      repaint();
    });
  }
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-preset]")) {
    button.addEventListener("click", () => usePreset(button.dataset.preset ?? "lung"));
  }
  required("[data-reset]").addEventListener("click", () => reset());
  document.querySelector("[data-open-planes]")?.addEventListener("click", () => showPlanes(!planes?.isOn));
  required("[data-open-space]").addEventListener("click", () => space.open());
  required("[data-open-help]").addEventListener("click", () => help.showModal());
  document.querySelector("[data-open-explanation]")?.addEventListener("click", () => explain());
  const letters = borderLetters(data.grid);
  for (const [side, letter] of Object.entries(letters))
    required(`[data-letter="${side}"]`).textContent = letter;
  strip.addEventListener("click", (event) => {
    const box = strip.getBoundingClientRect();
    go(Math.floor(((event.clientY - box.top) / box.height) * count));
  });
}

/** The image is asked for when it is opened: every look at it goes on record. */
function explain(): void {
  if (explanation === null) return;
  const image = required<HTMLImageElement>("img", explanation);
  if (!image.src && image.dataset.src) image.src = image.dataset.src;
  explanation.showModal();
}

/** Ask for another pipeline's result; its progress shows like that of any other job. */
function wireAnalysis(): void {
  const box = document.querySelector<HTMLElement>("[data-analyse]");
  if (box === null) return;
  const form = required<HTMLFormElement>("[data-analyse-form]", box);
  const status = required("[data-analyse-status]", box);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const pipeline = String(new FormData(form).get("pipeline"));
    api<Job>(box.dataset.url ?? "", { method: "POST", body: JSON.stringify({ pipeline }) })
      .then((job) => {
        status.textContent =
          job.state === "succeeded"
            ? gettext("{pipeline} has analysed this scan before; see its revision above.", { pipeline })
            : jobText(job);
      })
      .catch((error: unknown) => {
        status.textContent = error instanceof Error ? error.message : String(error);
      });
  });
}

function usePreset(name: string): void {
  const preset = PRESETS[name];
  if (preset) setWindow(preset.width_hu, preset.level_hu);
}

/** A press that ends this near to where it began is a click. */
const CLICK_PX = 3;

function wirePointer(): void {
  let pressedAt: [number, number] = [0, 0];
  picture.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.ctrlKey) zoomBy(event.deltaY < 0 ? 1.1 : 1 / 1.1);
    else go(view.image + Math.sign(event.deltaY));
  });
  picture.addEventListener("contextmenu", (event) => event.preventDefault());
  picture.addEventListener("pointerdown", (event) => {
    picture.setPointerCapture(event.pointerId);
    pressedAt = [event.clientX, event.clientY];
    cine.stop();
    if (event.button !== 0 || event.shiftKey) return;
    if (marks.tool !== "window") marks.begin(event.clientX, event.clientY);
    else if (editor?.isOn) editor.begin(event.clientX, event.clientY);
  });
  picture.addEventListener("pointerup", (event) => {
    if (marks.tool !== "window") marks.end(event.clientX, event.clientY);
    else if (editor?.isOn) editor.end();
    else if (Math.hypot(event.clientX - pressedAt[0], event.clientY - pressedAt[1]) < CLICK_PX)
      crossAt(event.clientX, event.clientY);
  });
  picture.addEventListener("pointermove", (event) => {
    const hu = stage.huAt(event.clientX, event.clientY);
    huText.textContent = hu === null ? "" : `${hu} HU`;
    if (event.buttons === 1 && !event.shiftKey && marks.tool !== "window") {
      marks.move(event.clientX, event.clientY);
    } else if (event.buttons === 1 && !event.shiftKey && editor?.isOn) {
      editor.move(event.clientX, event.clientY);
    } else if (event.buttons === 1 && !event.shiftKey) {
      setWindow(view.width_hu + 4 * event.movementX, view.level_hu + 3 * event.movementY);
    } else if (event.buttons === 2) {
      zoomBy(1 - event.movementY / 200);
    } else if (event.buttons === 4 || event.buttons === 1) {
      stage.panBy(event.movementX, event.movementY);
      companion?.panBy(event.movementX, event.movementY);
    }
  });
}

const KEYS: Record<string, () => void> = {
  ArrowDown: () => go(view.image + 1),
  ArrowRight: () => go(view.image + 1),
  ArrowUp: () => go(view.image - 1),
  ArrowLeft: () => go(view.image - 1),
  PageDown: () => go(view.image + 10),
  PageUp: () => go(view.image - 10),
  Home: () => go(0),
  End: () => go(count - 1),
  "1": () => usePreset("lung"),
  "2": () => usePreset("mediastinum"),
  "3": () => usePreset("bone"),
  l: () => toggle("lung"),
  b: () => toggle("lobes"),
  g: () => toggle("ground-glass"),
  c: () => toggle("consolidation"),
  e: () => toggle("effusion"),
  m: () => toggleAll(),
  i: () => go(mostInfected()),
  d: () => toggle("growth"),
  "+": () => zoomBy(1.2),
  "-": () => zoomBy(1 / 1.2),
  r: () => reset(),
  x: () => explain(),
  p: () => showPlanes(!planes?.isOn),
  t: () => marks.choose("ruler"),
  o: () => marks.choose("ellipse"),
  Backspace: () => marks.removeLast(),
  k: () => cine.toggle(),
  v: () => space.open(),
  u: () => editor?.step("undo"),
  y: () => editor?.step("redo"),
  f: () => editor?.toggleFill(),
  n: () => editor?.interpolate(),
  "?": () => help.showModal(),
};

function toggleAll(): void {
  const anyShown = LAYERS.some((name) => layers[name].visible);
  for (const name of LAYERS) toggle(name, !anyShown && name !== "lobes");
}

function wireKeys(): void {
  document.addEventListener("keydown", (event) => {
    const inField =
      event.target instanceof HTMLElement && event.target.matches("input[type=text], textarea, select");
    if (
      inField ||
      help.open ||
      explanation?.open ||
      space.isOpen ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey
    )
      return;
    const crossing = event.shiftKey && planes?.isOn ? CROSSING_STEPS[event.key] : undefined;
    if (crossing) {
      event.preventDefault();
      planes?.step(...crossing);
      return;
    }
    const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}

/** Rows and columns by which an arrow moves the crossing of the planes. */
const CROSSING_STEPS: Record<string, [number, number]> = {
  ArrowUp: [-5, 0],
  ArrowDown: [5, 0],
  ArrowLeft: [0, -5],
  ArrowRight: [0, 5],
};

/** While the analysis runs, say how far it is; show slices as soon as they are read, and masks when they are done. */
function followAnalysis(): void {
  const status = required<HTMLElement>("[data-job]");
  let hasVolume = data.hasVolume;
  const show = (job: Job) => {
    status.hidden = !isOpen(job) && job.state !== "failed";
    required("[data-job-text]", status).textContent = jobText(job);
    required<HTMLProgressElement>("progress", status).value = job.percent;
    if (job.state === "failed") status.dataset.state = "failed";
  };
  if (data.job) show(data.job);
  followJobs((job) => {
    if (job.scan !== data.scan) return;
    show(job);
    const slicesArrived =
      !hasVolume && job.state === "running" && job.stage !== "" && job.stage !== "reading";
    if (slicesArrived || !isOpen(job)) {
      hasVolume = true;
      location.reload();
    }
  });
}

async function start(): Promise<void> {
  wireControls();
  wireAnalysis();
  followAnalysis();
  if (!data.hasVolume) {
    message.hidden = false;
    return;
  }
  await stage.start(view.image);
  planes?.move({ slice: flipIndex(data.grid, view.image) });
  await companion?.start(view.image);
  setWindow(view.width_hu, view.level_hu);
  picture.dataset.ready = "image";
  wirePointer();
  wireKeys();
  if (remembered.planes && planes) {
    const [, rows, columns] = data.grid.shape_zyx;
    const { row, column } = remembered.planes;
    planes.move({ row: clamp(row, 0, rows - 1), column: clamp(column, 0, columns - 1) });
    showPlanes(true);
  }
  if (data.masks === null) return;
  const voxels = data.grid.shape_zyx.reduce((a, b) => a * b, 1);
  const [lobes, infection] = await Promise.all([
    fetchLabels(data.masks.lobes, voxels),
    fetchLabelFile(data.masks.infection, voxels),
  ]);
  const labels = { lobes, infection: infection.labels };
  stage.setLabels(labels);
  planes?.redraw();
  beside?.compareWith(infection.labels);
  if (data.edit) editor = new Editor(data.edit, stage, infection, labels, () => planes?.redraw());
  picture.dataset.ready = "masks";
}

start().catch((error: unknown) => {
  message.hidden = false;
  const reason = error instanceof Error ? error.message : String(error);
  message.textContent = gettext("The scan could not be shown: {reason}. Reload the page to try again.", {
    reason,
  });
});
