/** The picture: Cornerstone draws the slice, a canvas of ours draws the masks over it, with or without WebGL. */

import { cache, Enums, init, RenderingEngine, setUseCPURendering, type Types } from "@cornerstonejs/core";
import { flipIndex, type Grid, outwards, pointOf, type Vec3 } from "./geometry";
import { type Layers, paint } from "./layers";
import type { Spot } from "./measure";
import { imageIdOf, Prefetcher, registerSeries, type Series } from "./loader";

export interface Labels {
  lobes: Uint8Array;
  infection: Uint8Array;
}

/** For drawing over the shown slice, in CSS pixels. */
export interface Pen {
  context: CanvasRenderingContext2D;
  toScreen(at: Spot): [number, number];
}

/** One for all pictures of the page: each engine holds several WebGL contexts, of which browsers allow sixteen. */
let engine: RenderingEngine | null = null;

async function sharedEngine(): Promise<RenderingEngine> {
  if (engine === null) {
    if (!hasWebGl()) setUseCPURendering(true);
    await init();
    engine = new RenderingEngine("viewer");
  }
  return engine;
}

let pictures = 0;

/** Whether this browser can draw with WebGL 2. */
export function hasWebGl(): boolean {
  return document.createElement("canvas").getContext("webgl2") !== null;
}

/** One axial stack with masks. Images are counted from 0 at the head. */
export class Stage {
  private viewport!: Types.IStackViewport;
  private engine!: RenderingEngine;
  private labels: Labels | null = null;
  private growth: Uint8Array | undefined;
  private drawing: (pen: Pen, slice: number) => void = () => {};
  private crossing: Spot | null = null;
  private readonly maskCanvas = document.createElement("canvas");
  private painted = -1;
  private prefetcher!: Prefetcher;
  private current = 0;

  constructor(
    private readonly element: HTMLDivElement,
    private readonly overlay: HTMLCanvasElement,
    private readonly series: Series,
    private readonly layers: Layers,
    private readonly events: { loaded(count: number): void; shown(image: number): void },
  ) {}

  get grid(): Grid {
    return this.series.grid;
  }

  get count(): number {
    return this.grid.shape_zyx[0];
  }

  /** Start Cornerstone and show one image; resolves when it is on screen. */
  async start(image: number): Promise<void> {
    this.engine = await sharedEngine();
    registerSeries(this.series);
    // The same scan may stand there twice.
    const viewportId = `axial-${pictures++}`;
    this.engine.enableElement({
      viewportId,
      type: Enums.ViewportType.STACK,
      element: this.element,
      defaultOptions: { background: [0, 0, 0] },
    });
    this.viewport = this.engine.getViewport(viewportId) as Types.IStackViewport;
    const [, rows, columns] = this.grid.shape_zyx;
    this.maskCanvas.width = columns;
    this.maskCanvas.height = rows;
    const imageIds = Array.from({ length: this.count }, (_, i) =>
      imageIdOf(this.series, flipIndex(this.grid, i)),
    );
    this.prefetcher = new Prefetcher(imageIds, (count) => this.events.loaded(count));
    this.element.addEventListener(Enums.Events.IMAGE_RENDERED, () => this.drawMasks());
    await this.viewport.setStack(imageIds, image);
    this.current = image;
    this.viewport.render();
    this.events.shown(image);
    this.prefetcher.follow(outwards(image, this.count));
    new ResizeObserver(() => this.resize()).observe(this.element);
  }

  /** Show an image and fetch its neighbours next. */
  async show(image: number): Promise<void> {
    this.current = image;
    this.prefetcher.follow(outwards(image, this.count));
    await this.viewport.setImageIdIndex(image);
    if (this.current === image) this.events.shown(image);
  }

  setWindow(width_hu: number, level_hu: number): void {
    this.viewport.setProperties({
      voiRange: { lower: level_hu - width_hu / 2, upper: level_hu + width_hu / 2 },
    });
    this.viewport.render();
  }

  setLabels(labels: Labels): void {
    this.labels = labels;
    this.repaint();
  }

  /** New, persistent and resolved infection against a prior. */
  setGrowth(growth: Uint8Array): void {
    this.growth = growth;
    this.repaint();
  }

  /** What is drawn over the masks of a slice. */
  setDrawing(drawing: (pen: Pen, slice: number) => void): void {
    this.drawing = drawing;
  }

  /** Where the other planes cross the shown slice; null: they are not shown. */
  setCrossing(at: Spot | null): void {
    this.crossing = at;
    this.redraw();
  }

  /** Draw what lies over the picture anew. */
  redraw(): void {
    this.drawMasks();
  }

  /** HU of a slice by volume index, row by row; undefined before it is there. */
  sliceOf(index: number): ArrayLike<number> | undefined {
    const image = cache.getImage(imageIdOf(this.series, index)) as Types.IImage | undefined;
    return image?.getPixelData();
  }

  get shownLabels(): Labels | null {
    return this.labels;
  }

  get shownGrowth(): Uint8Array | undefined {
    return this.growth;
  }

  /** After a change of layers. */
  repaint(): void {
    this.painted = -1;
    this.drawMasks();
  }

  zoomBy(factor: number): void {
    this.viewport.setZoom(this.viewport.getZoom() * factor);
    this.viewport.render();
  }

  panBy(x: number, y: number): void {
    const [panX, panY] = this.viewport.getPan();
    this.viewport.setPan([panX + x, panY + y]);
    this.viewport.render();
  }

  reset(): void {
    this.viewport.resetCamera();
    this.viewport.render();
  }

  /** HU under a point of the screen; null outside the image or before the slice is there. */
  huAt(clientX: number, clientY: number): number | null {
    const at = this.voxelAt(clientX, clientY);
    return at === null ? null : (this.pixels()?.[at.row * this.grid.shape_zyx[2] + at.column] ?? null);
  }

  /** HU of the shown slice, row by row; undefined before it is there. */
  pixels(): ArrayLike<number> | undefined {
    const image = this.viewport.getCornerstoneImage() as Types.IImage | undefined;
    return image?.getPixelData();
  }

  /** Voxel under a point of the screen; null outside the image. */
  voxelAt(clientX: number, clientY: number): { slice: number; row: number; column: number } | null {
    const at = this.pointAt(clientX, clientY);
    return at && { slice: at.slice, row: Math.round(at.row), column: Math.round(at.column) };
  }

  /** Point of the shown slice under a point of the screen, between voxels too; null outside the image. */
  pointAt(clientX: number, clientY: number): { slice: number; row: number; column: number } | null {
    const box = this.element.getBoundingClientRect();
    const world = this.viewport.canvasToWorld([clientX - box.left, clientY - box.top]);
    const index = flipIndex(this.grid, this.current);
    const corner = pointOf(this.grid, [index, 0, 0]);
    const offset: Vec3 = [world[0] - corner[0], world[1] - corner[1], world[2] - corner[2]];
    const [, rows, columns] = this.grid.shape_zyx;
    const row = this.steps(offset, 1);
    const column = this.steps(offset, 2);
    if (row < -0.5 || column < -0.5 || row >= rows - 0.5 || column >= columns - 0.5) return null;
    return { slice: index, row, column };
  }

  private steps(offset: Vec3, axis: 1 | 2): number {
    const direction = this.grid.axes_zyx_lps[axis];
    const along = offset[0] * direction[0] + offset[1] * direction[1] + offset[2] * direction[2];
    return along / this.grid.spacing_zyx_mm[axis];
  }

  private resize(): void {
    this.engine.resize(true, false);
    this.drawMasks();
  }

  private drawMasks(): void {
    const scale = window.devicePixelRatio;
    const { clientWidth, clientHeight } = this.element;
    if (this.overlay.width !== clientWidth * scale || this.overlay.height !== clientHeight * scale) {
      this.overlay.width = clientWidth * scale;
      this.overlay.height = clientHeight * scale;
    }
    const context = this.overlay.getContext("2d");
    if (context === null) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.overlay.width, this.overlay.height);
    const shown = this.viewport.getCurrentImageIdIndex();
    if (this.labels !== null) this.drawLabels(context, shown, scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const index = flipIndex(this.grid, shown);
    const toScreen = ({ row, column }: Spot): [number, number] => {
      const [x, y] = this.viewport.worldToCanvas(pointOf(this.grid, [index, row, column]));
      return [x, y];
    };
    if (this.crossing !== null) this.drawCrossing({ context, toScreen }, this.crossing);
    this.drawing({ context, toScreen }, index);
  }

  private drawCrossing({ context, toScreen }: Pen, at: Spot): void {
    const [, rows, columns] = this.grid.shape_zyx;
    context.strokeStyle = getComputedStyle(this.overlay).getPropertyValue("--crosshair");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(...toScreen({ row: at.row, column: -0.5 }));
    context.lineTo(...toScreen({ row: at.row, column: columns - 0.5 }));
    context.moveTo(...toScreen({ row: -0.5, column: at.column }));
    context.lineTo(...toScreen({ row: rows - 0.5, column: at.column }));
    context.stroke();
  }

  private drawLabels(context: CanvasRenderingContext2D, shown: number, scale: number): void {
    this.paintSlice(flipIndex(this.grid, shown));
    // The image's corner and its two edges on the canvas give the transform for the mask.
    const index = flipIndex(this.grid, shown);
    const [, rows, columns] = this.grid.shape_zyx;
    const corner = this.viewport.worldToCanvas(pointOf(this.grid, [index, -0.5, -0.5]));
    const right = this.viewport.worldToCanvas(pointOf(this.grid, [index, -0.5, columns - 0.5]));
    const bottom = this.viewport.worldToCanvas(pointOf(this.grid, [index, rows - 0.5, -0.5]));
    context.setTransform(
      ((right[0] - corner[0]) / columns) * scale,
      ((right[1] - corner[1]) / columns) * scale,
      ((bottom[0] - corner[0]) / rows) * scale,
      ((bottom[1] - corner[1]) / rows) * scale,
      corner[0] * scale,
      corner[1] * scale,
    );
    context.imageSmoothingEnabled = true;
    context.drawImage(this.maskCanvas, 0, 0);
  }

  private paintSlice(index: number): void {
    if (this.labels === null || this.painted === index) return;
    const [, rows, columns] = this.grid.shape_zyx;
    const context = this.maskCanvas.getContext("2d", { willReadFrequently: true });
    if (context === null) return;
    const picture = context.createImageData(columns, rows);
    const area = rows * columns;
    const part = (labels: Uint8Array) => labels.subarray(index * area, (index + 1) * area);
    paint(
      picture.data,
      {
        lobes: part(this.labels.lobes),
        infection: part(this.labels.infection),
        growth: this.growth ? part(this.growth) : undefined,
        columns,
      },
      this.layers,
    );
    context.putImageData(picture, 0, 0);
    this.painted = index;
  }
}
