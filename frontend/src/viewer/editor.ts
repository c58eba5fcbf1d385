/** Correcting the infection mask: brush, eraser, threshold, undo, and saving as a new revision. */

import { api, required } from "../shared/page";
import { Canvas } from "./brush";
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
  private label = 1;

  constructor(
    private readonly data: EditData,
    private readonly stage: Stage,
    private readonly file: LabelFile,
    private readonly lobes: Uint8Array,
  ) {
    this.canvas = new Canvas(file.labels, stage.grid.shape_zyx);
    for (const radio of this.box.querySelectorAll<HTMLInputElement>("[name=brush]")) {
      radio.addEventListener("change", () => {
        this.label = Number(radio.value);
      });
    }
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

  begin(clientX: number, clientY: number): void {
    this.canvas.begin();
    this.move(clientX, clientY);
  }

  move(clientX: number, clientY: number): void {
    const at = this.stage.voxelAt(clientX, clientY);
    if (at === null) return;
    const [, rowMm, columnMm] = this.stage.grid.spacing_zyx_mm;
    const radius_mm = Number(this.size.value);
    const dab = { ...at, rows: radius_mm / rowMm, columns: radius_mm / columnMm };
    const pixels = this.stage.pixels();
    const area = this.stage.grid.shape_zyx[1] * this.stage.grid.shape_zyx[2];
    const lowest = this.usesThreshold.checked ? Number(this.threshold.value) : Number.NEGATIVE_INFINITY;
    this.canvas.dab(dab, this.label, (voxel) => {
      // Infection lies in the lung; effusion beside it.
      const isPlace = this.label === 0 || this.label === EFFUSION || this.lobes[voxel] !== 0;
      return isPlace && (pixels?.[voxel % area] ?? 0) >= lowest;
    });
    this.stage.repaint();
  }

  end(): void {
    this.canvas.end();
    this.refresh();
  }

  step(which: "undo" | "redo"): void {
    this.canvas[which]();
    this.stage.repaint();
    this.refresh();
  }

  private refresh(): void {
    required<HTMLButtonElement>("[data-edit-undo]").disabled = !this.canvas.canUndo;
    required<HTMLButtonElement>("[data-edit-redo]").disabled = !this.canvas.canRedo;
    this.save.disabled = !this.canvas.canUndo;
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
