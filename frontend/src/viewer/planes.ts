/** Coronal and sagittal pictures beside the axial one. They are cut out of the slices that Cornerstone holds. */

import { required } from "../shared/page";
import { clamp, flipIndex, type Grid } from "./geometry";
import { type Layers, paint } from "./layers";
import {
  ABSENT_HU,
  axisAlong,
  type Crossing,
  cut,
  cutLetters,
  PLANES,
  type Plane,
  shade,
  sizeMm,
  sizeOf,
} from "./reformat";
import type { Labels } from "./stage";

/** What the pictures are made from. */
export interface Source {
  grid: Grid;
  /** HU of a slice by volume index; undefined before it has arrived. */
  sliceOf(index: number): ArrayLike<number> | undefined;
  labels(): Labels | null;
  growth(): Uint8Array | undefined;
}

/** One cut on a canvas of its own. */
class PlanePicture {
  private readonly hu: Int16Array;
  private readonly masks: { lobes: Uint8Array; infection: Uint8Array; growth: Uint8Array };
  private readonly grey = document.createElement("canvas");
  private readonly colour = document.createElement("canvas");

  constructor(
    readonly plane: Plane,
    private readonly canvas: HTMLCanvasElement,
    private readonly source: Source,
    private readonly layers: Layers,
    whenPointed: (at: Partial<Crossing>) => void,
  ) {
    const { width, height } = sizeOf(plane, source.grid);
    this.hu = new Int16Array(width * height);
    const part = () => new Uint8Array(width * height);
    this.masks = { lobes: part(), infection: part(), growth: part() };
    for (const layer of [this.grey, this.colour]) {
      layer.width = width;
      layer.height = height;
    }
    const point = (event: PointerEvent) => {
      if (event.buttons === 1) whenPointed(this.crossingAt(event.clientX, event.clientY));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      point(event);
    });
    canvas.addEventListener("pointermove", point);
  }

  /** Cut and shade anew, then show. */
  draw(at: Crossing, window: { width_hu: number; level_hu: number }): void {
    const { grid } = this.source;
    cut(this.plane, grid, at, (index) => this.source.sliceOf(index), this.hu, ABSENT_HU);
    put(this.grey, (rgba) => shade(this.hu, window.width_hu, window.level_hu, rgba));
    const labels = this.source.labels();
    const growth = this.source.growth();
    if (labels !== null) {
      const lobes = this.cutLabels(at, labels.lobes, this.masks.lobes);
      const infection = this.cutLabels(at, labels.infection, this.masks.infection);
      const change = growth === undefined ? undefined : this.cutLabels(at, growth, this.masks.growth);
      const columns = this.colour.width;
      put(this.colour, (rgba) => paint(rgba, { lobes, infection, growth: change, columns }, this.layers));
    }
    this.compose(at);
  }

  private cutLabels(at: Crossing, labels: Uint8Array, out: Uint8Array): Uint8Array {
    const area = this.source.grid.shape_zyx[1] * this.source.grid.shape_zyx[2];
    const sliceOf = (index: number) => labels.subarray(index * area, (index + 1) * area);
    return cut(this.plane, this.source.grid, at, sliceOf, out, 0);
  }

  /** Show what was cut last: the picture, as large as fits and true to millimetres, with the crossing of the planes. */
  compose(at: Crossing): void {
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = clientWidth * devicePixelRatio;
    this.canvas.height = clientHeight * devicePixelRatio;
    const context = this.canvas.getContext("2d");
    if (context === null) return;
    context.scale(devicePixelRatio, devicePixelRatio);
    const place = this.place();
    context.drawImage(this.grey, place.left, place.top, place.width, place.height);
    context.drawImage(this.colour, place.left, place.top, place.width, place.height);
    const along = this.plane === "coronal" ? at.column : at.row;
    const image = flipIndex(this.source.grid, at.slice);
    const x = place.left + ((along + 0.5) / this.grey.width) * place.width;
    const y = place.top + ((image + 0.5) / this.grey.height) * place.height;
    context.strokeStyle = getComputedStyle(this.canvas).getPropertyValue("--crosshair");
    context.beginPath();
    context.moveTo(x, place.top);
    context.lineTo(x, place.top + place.height);
    context.moveTo(place.left, y);
    context.lineTo(place.left + place.width, y);
    context.stroke();
  }

  private place(): { left: number; top: number; width: number; height: number } {
    const { clientWidth, clientHeight } = this.canvas;
    const mm = sizeMm(this.plane, this.source.grid);
    const scale = Math.min(clientWidth / mm.width, clientHeight / mm.height);
    const width = mm.width * scale;
    const height = mm.height * scale;
    return { left: (clientWidth - width) / 2, top: (clientHeight - height) / 2, width, height };
  }

  private crossingAt(clientX: number, clientY: number): Partial<Crossing> {
    const box = this.canvas.getBoundingClientRect();
    const place = this.place();
    const { width, height } = sizeOf(this.plane, this.source.grid);
    const along = Math.floor(((clientX - box.left - place.left) / place.width) * width);
    const image = Math.floor(((clientY - box.top - place.top) / place.height) * height);
    const slice = flipIndex(this.source.grid, clamp(image, 0, height - 1));
    const place1 = clamp(along, 0, width - 1);
    return axisAlong(this.plane) === 2 ? { slice, column: place1 } : { slice, row: place1 };
  }
}

function put(canvas: HTMLCanvasElement, fill: (rgba: Uint8ClampedArray) => void): void {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) return;
  const picture = context.createImageData(canvas.width, canvas.height);
  fill(picture.data);
  context.putImageData(picture, 0, 0);
}

/** Both cuts; hidden until somebody asks for them. */
export class Planes {
  private readonly box = required<HTMLElement>("[data-planes]");
  private readonly pictures: PlanePicture[];
  private waiting = false;
  /** Whether the cuts themselves must be made anew, not only the lines over them. */
  private isStale = true;
  private window = { width_hu: 1500, level_hu: -600 };
  private readonly grid: Grid;
  at: Crossing;

  constructor(
    source: Source,
    layers: Layers,
    private readonly whenMoved: (at: Crossing) => void,
  ) {
    this.grid = source.grid;
    const [slices, rows, columns] = source.grid.shape_zyx;
    this.at = { slice: slices >> 1, row: rows >> 1, column: columns >> 1 };
    this.pictures = PLANES.map((plane) => {
      const canvas = required<HTMLCanvasElement>(`[data-plane="${plane}"]`, this.box);
      return new PlanePicture(plane, canvas, source, layers, (moved) => {
        this.at = { ...this.at, ...moved };
        this.whenMoved(this.at);
        this.redraw();
      });
    });
    for (const plane of PLANES) {
      const letters = cutLetters(plane, source.grid);
      for (const [side, letter] of Object.entries(letters))
        required(`[data-plane-letter="${plane}-${side}"]`, this.box).textContent = letter;
    }
    new ResizeObserver(() => this.redraw()).observe(this.box);
  }

  get isOn(): boolean {
    return !this.box.hidden;
  }

  show(isOn: boolean): void {
    this.box.hidden = !isOn;
    this.redraw();
  }

  /** Move the crossing; what is left out stays. */
  move(to: Partial<Crossing>): void {
    const { row, column } = this.at;
    this.at = { ...this.at, ...to };
    if (this.at.row !== row || this.at.column !== column) this.isStale = true;
    this.schedule();
  }

  /** Move the crossing by rows and columns, within the scan. */
  step(rows: number, columns: number): void {
    const [, height, width] = this.grid.shape_zyx;
    const row = clamp(this.at.row + rows, 0, height - 1);
    const column = clamp(this.at.column + columns, 0, width - 1);
    this.at = { ...this.at, row, column };
    this.whenMoved(this.at);
    this.redraw();
  }

  setWindow(width_hu: number, level_hu: number): void {
    this.window = { width_hu, level_hu };
    this.redraw();
  }

  /** Draw with the next frame of the screen, once however often it is asked for. */
  redraw(): void {
    this.isStale = true;
    this.schedule();
  }

  private schedule(): void {
    if (!this.isOn || this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      for (const picture of this.pictures) {
        if (this.isStale) picture.draw(this.at, this.window);
        else picture.compose(this.at);
      }
      this.isStale = false;
      this.box.dataset.drawn = `${this.at.slice} ${this.at.row} ${this.at.column}`;
    });
  }
}
