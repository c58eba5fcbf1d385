/** Correcting lung and infection: brush, fill, interpolation, threshold, undo, and saving as a new revision. */

import { api, required } from "../shared/page";
import { Canvas } from "./brush";
import { fetchLabelFile, type LabelFile, packed } from "./nifti";
import { between, enclosed } from "./regions";
import type { Labels, Stage } from "./stage";
import { gettext } from "../shared/words";

export interface EditData {
  /** Number of the revision that the correction begins from. */
  revision: number;
  url: string;
  lungUrl: string;
}

const EFFUSION = 3;
/** A lobe of each side, for showing lung that was painted; the server gives it the lobe that is nearest. */
const LOBE_OF_SIDE: readonly number[] = [0, 1, 4];

type Target = "infection" | "lung";

/** The panel "Correct the masks". */
export class Editor {
  private readonly infection: Canvas;
  private lung: { canvas: Canvas; file: LabelFile } | null = null;
  /** Lobes as they were, of the voxels whose lung was changed. */
  private readonly lobeBefore = new Map<number, number>();
  private order: Canvas[] = [];
  private undone: Canvas[] = [];
  private readonly box = required<HTMLDetailsElement>("[data-edit]");
  private readonly size = required<HTMLInputElement>("[data-brush-size]");
  private readonly threshold = required<HTMLInputElement>("[data-brush-hu]");
  private readonly usesThreshold = required<HTMLInputElement>("[data-brush-threshold]");
  private readonly status = required<HTMLElement>("[data-edit-status]");
  private readonly save = required<HTMLButtonElement>("[data-edit-save]");
  private readonly between = required<HTMLButtonElement>("[data-edit-between]");
  private readonly fills = required<HTMLInputElement>("[data-edit-fill]");
  private target: Target = "infection";
  private label = 1;

  constructor(
    private readonly data: EditData,
    private readonly stage: Stage,
    private readonly file: LabelFile,
    private readonly labels: Labels,
    private readonly whenChanged: () => void,
  ) {
    this.infection = new Canvas(file.labels, stage.grid.shape_zyx);
    for (const radio of this.box.querySelectorAll<HTMLInputElement>("[name=brush]")) {
      radio.addEventListener("change", () => void this.choose(radio.value));
    }
    this.between.addEventListener("click", () => this.interpolate());
    required("[data-edit-undo]").addEventListener("click", () => this.step("undo"));
    required("[data-edit-redo]").addEventListener("click", () => this.step("redo"));
    required<HTMLFormElement>("[data-edit-form]").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send(new FormData(event.target as HTMLFormElement));
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.order.length > 0 && !this.save.dataset.saved) event.preventDefault();
    });
    this.box.hidden = false;
    this.refresh();
  }

  /** Whether the left button paints now. */
  get isOn(): boolean {
    return this.box.open;
  }

  /** Take a brush: a label of the infection, or `lung-1` (right), `lung-2` (left), `lung-0`. */
  private async choose(brush: string): Promise<void> {
    const [first = "", second] = brush.split("-");
    this.target = second === undefined ? "infection" : "lung";
    this.label = Number(second ?? first);
    if (this.target === "lung") await this.loadLung();
    this.refresh();
  }

  /** The lung mask is only fetched when somebody wants to paint it: the picture draws lungs from lobes. */
  private async loadLung(): Promise<void> {
    if (this.lung !== null) return;
    this.status.textContent = gettext("Loading the lung mask");
    const file = await fetchLabelFile(this.data.lungUrl, this.file.labels.length);
    const canvas = new Canvas(file.labels, this.stage.grid.shape_zyx, (voxel) => this.showLung(voxel));
    this.lung ??= { canvas, file };
    this.status.textContent = gettext("Paint lung with the left button; lobes follow when you save.");
  }

  private showLung(voxel: number): void {
    const { lobes } = this.labels;
    const before = this.lobeBefore.get(voxel) ?? lobes[voxel] ?? 0;
    this.lobeBefore.set(voxel, before);
    const side = this.lung?.file.labels[voxel] ?? 0;
    lobes[voxel] = side === 0 ? 0 : before || (LOBE_OF_SIDE[side] ?? 0);
  }

  /** What is painted on; null while the lung mask is on its way. */
  private get canvas(): Canvas | null {
    return this.target === "infection" ? this.infection : (this.lung?.canvas ?? null);
  }

  /** Begin a stroke, or fill what is enclosed. */
  begin(clientX: number, clientY: number): void {
    if (this.fills.checked) {
      this.fill(clientX, clientY);
      return;
    }
    this.canvas?.begin();
    this.move(clientX, clientY);
  }

  move(clientX: number, clientY: number): void {
    const at = this.stage.voxelAt(clientX, clientY);
    if (at === null) return;
    const [, rowMm, columnMm] = this.stage.grid.spacing_zyx_mm;
    const radius_mm = Number(this.size.value);
    const dab = { ...at, rows: radius_mm / rowMm, columns: radius_mm / columnMm };
    this.canvas?.dab(dab, this.label, this.allowed());
    this.stage.repaint();
  }

  end(): void {
    this.keep(this.canvas?.end() ?? false);
  }

  /** Fill what hangs together under a point of the screen: up to what is painted, the lung's border, the threshold. */
  private fill(clientX: number, clientY: number): void {
    const at = this.stage.voxelAt(clientX, clientY);
    const { canvas } = this;
    if (at === null || canvas === null) return;
    const found = enclosed(canvas.labels, this.stage.grid.shape_zyx, at, this.allowed());
    this.keep(canvas.put(found, this.label));
  }

  /** Paint the slices between those that were painted with this label; what has another label there keeps it. */
  interpolate(): void {
    const { canvas } = this;
    if (canvas === null) return;
    const isPlace = this.allowed();
    const found = between(this.stage.grid.shape_zyx, canvas.painted(this.label));
    this.keep(
      canvas.put(
        found.filter((voxel) => canvas.labels[voxel] === 0 && isPlace(voxel)),
        this.label,
      ),
    );
  }

  /** Where the brush may paint. */
  private allowed(): (voxel: number) => boolean {
    const area = this.stage.grid.shape_zyx[1] * this.stage.grid.shape_zyx[2];
    const lowest = this.usesThreshold.checked ? Number(this.threshold.value) : Number.NEGATIVE_INFINITY;
    // Infection lies in the lung; effusion beside it, and lung where the reader says.
    const isAnywhere = this.target === "lung" || this.label === 0 || this.label === EFFUSION;
    return (voxel) => {
      const hu = this.stage.sliceOf(Math.floor(voxel / area))?.[voxel % area];
      return (isAnywhere || this.labels.lobes[voxel] !== 0) && (hu ?? 0) >= lowest;
    };
  }

  /** After a stroke: it can be taken back, and what was taken back before is gone. */
  private keep(isStroke: boolean): void {
    if (isStroke && this.canvas !== null) {
      this.order.push(this.canvas);
      this.undone = [];
      this.infection.forgetUndone();
      this.lung?.canvas.forgetUndone();
    }
    this.changed();
  }

  private changed(): void {
    this.stage.repaint();
    this.whenChanged();
    this.refresh();
  }

  step(which: "undo" | "redo"): void {
    const [from, to] = which === "undo" ? [this.order, this.undone] : [this.undone, this.order];
    const canvas = from.pop();
    if (canvas === undefined) return;
    canvas[which]();
    to.push(canvas);
    this.changed();
  }

  private refresh(): void {
    required<HTMLButtonElement>("[data-edit-undo]").disabled = this.order.length === 0;
    required<HTMLButtonElement>("[data-edit-redo]").disabled = this.undone.length === 0;
    this.save.disabled = this.order.length === 0;
    const slices = [...(this.canvas?.painted(this.label).keys() ?? [])].sort((a, b) => a - b);
    const hasGap = slices.some((slice, i) => (slices[i + 1] ?? slice) - slice > 1);
    this.between.disabled = this.label === 0 || !hasGap;
  }

  /** Change between painting and filling. */
  toggleFill(): void {
    this.fills.checked = !this.fills.checked;
  }

  private async send(form: FormData): Promise<void> {
    this.save.disabled = true;
    this.status.textContent = gettext("Measuring the correction");
    form.delete("brush");
    form.set("based_on", String(this.data.revision));
    if (this.infection.canUndo) form.set("infection", await packed(this.file), "infection.nii.gz");
    if (this.lung?.canvas.canUndo) form.set("lung", await packed(this.lung.file), "lung.nii.gz");
    try {
      await api(this.data.url, { method: "POST", body: form });
    } catch (error) {
      this.status.textContent = error instanceof Error ? error.message : String(error);
      this.refresh();
      return;
    }
    this.save.dataset.saved = "true";
    location.reload();
  }
}
