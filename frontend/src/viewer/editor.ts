/** Correcting the infection mask: brush, eraser, threshold, undo, and saving as a new revision. */

import { api, required } from "../shared/page";
import { Canvas } from "./brush";
import { between, enclosed } from "./regions";
import type { LabelFile } from "./nifti";
import { packed } from "./nifti";
import type { Stage } from "./stage";

export interface EditData {
  /** Number of the revision that the correction begins from. */
  revision: number;
  url: string;
}

const EFFUSION = 3;

/** The panel "Correct the infection". */
export class Editor {
  private readonly canvas: Canvas;
  private readonly box = required<HTMLDetailsElement>("[data-edit]");
  private readonly size = required<HTMLInputElement>("[data-brush-size]");
  private readonly threshold = required<HTMLInputElement>("[data-brush-hu]");
  private readonly usesThreshold = required<HTMLInputElement>("[data-brush-threshold]");
  private readonly status = required<HTMLElement>("[data-edit-status]");
  private readonly save = required<HTMLButtonElement>("[data-edit-save]");
  private readonly between = required<HTMLButtonElement>("[data-edit-between]");
  private readonly fills = required<HTMLInputElement>("[data-edit-fill]");
  private label = 1;

  constructor(
    private readonly data: EditData,
    private readonly stage: Stage,
    private readonly file: LabelFile,
    private readonly lobes: Uint8Array,
    private readonly whenChanged: () => void,
  ) {
    this.canvas = new Canvas(file.labels, stage.grid.shape_zyx);
    for (const radio of this.box.querySelectorAll<HTMLInputElement>("[name=brush]")) {
      radio.addEventListener("change", () => {
        this.label = Number(radio.value);
        this.refresh();
      });
    }
    this.between.addEventListener("click", () => this.interpolate());
    required("[data-edit-undo]").addEventListener("click", () => this.step("undo"));
    required("[data-edit-redo]").addEventListener("click", () => this.step("redo"));
    required<HTMLFormElement>("[data-edit-form]").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send(new FormData(event.target as HTMLFormElement));
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.canvas.canUndo && !this.save.dataset.saved) event.preventDefault();
    });
    this.box.hidden = false;
    this.refresh();
  }

  /** Whether the left button paints now. */
  get isOn(): boolean {
    return this.box.open;
  }

  /** Begin a stroke, or fill what is enclosed. */
  begin(clientX: number, clientY: number): void {
    if (this.fills.checked) {
      this.fill(clientX, clientY);
      return;
    }
    this.canvas.begin();
    this.move(clientX, clientY);
  }

  move(clientX: number, clientY: number): void {
    const at = this.stage.voxelAt(clientX, clientY);
    if (at === null) return;
    const [, rowMm, columnMm] = this.stage.grid.spacing_zyx_mm;
    const radius_mm = Number(this.size.value);
    const dab = { ...at, rows: radius_mm / rowMm, columns: radius_mm / columnMm };
    this.canvas.dab(dab, this.label, this.allowed());
    this.stage.repaint();
  }

  /** Fill what hangs together under a point of the screen: up to what is painted, the lung's border, the threshold. */
  private fill(clientX: number, clientY: number): void {
    const at = this.stage.voxelAt(clientX, clientY);
    if (at === null) return;
    const { labels } = this.file;
    this.canvas.put(enclosed(labels, this.stage.grid.shape_zyx, at, this.allowed()), this.label);
    this.changed();
  }

  /** Paint the slices between those that were painted with this label; what has another label there keeps it. */
  interpolate(): void {
    const found = between(this.stage.grid.shape_zyx, this.canvas.painted(this.label));
    const isPlace = this.allowed();
    this.canvas.put(
      found.filter((voxel) => this.file.labels[voxel] === 0 && isPlace(voxel)),
      this.label,
    );
    this.changed();
  }

  /** Where the brush may paint. */
  private allowed(): (voxel: number) => boolean {
    const area = this.stage.grid.shape_zyx[1] * this.stage.grid.shape_zyx[2];
    const lowest = this.usesThreshold.checked ? Number(this.threshold.value) : Number.NEGATIVE_INFINITY;
    return (voxel) => {
      // Infection lies in the lung; effusion beside it.
      const isPlace = this.label === 0 || this.label === EFFUSION || this.lobes[voxel] !== 0;
      const hu = this.stage.sliceOf(Math.floor(voxel / area))?.[voxel % area];
      return isPlace && (hu ?? 0) >= lowest;
    };
  }

  private changed(): void {
    this.stage.repaint();
    this.whenChanged();
    this.refresh();
  }

  end(): void {
    this.canvas.end();
    this.changed();
  }

  step(which: "undo" | "redo"): void {
    this.canvas[which]();
    this.changed();
  }

  private refresh(): void {
    required<HTMLButtonElement>("[data-edit-undo]").disabled = !this.canvas.canUndo;
    required<HTMLButtonElement>("[data-edit-redo]").disabled = !this.canvas.canRedo;
    this.save.disabled = !this.canvas.canUndo;
    const slices = [...this.canvas.painted(this.label).keys()].sort((a, b) => a - b);
    this.between.disabled =
      this.label === 0 || !slices.some((slice, i) => (slices[i + 1] ?? slice) - slice > 1);
  }

  /** Change between painting and filling. */
  toggleFill(): void {
    this.fills.checked = !this.fills.checked;
  }

  private async send(form: FormData): Promise<void> {
    this.save.disabled = true;
    this.status.textContent = "Measuring the correction";
    form.delete("brush");
    form.set("based_on", String(this.data.revision));
    form.set("infection", await packed(this.file), "infection.nii.gz");
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
