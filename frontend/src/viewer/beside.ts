/** The same scan with another revision's masks beside it: two pipelines, or a pipeline and a reader. */

import { required } from "../shared/page";
import type { Layers } from "./layers";
import { fetchLabels } from "./nifti";
import { type Labels, Stage } from "./stage";
import type { Series } from "./loader";

export interface BesideData {
  masks: { lobes: string; infection: string };
}

/** What follows the main picture. */
export interface Companion {
  start(image: number): Promise<void>;
  follow(image: number): Promise<void>;
  setWindow(width_hu: number, level_hu: number): void;
  repaint(): void;
  zoomBy(factor: number): void;
  panBy(x: number, y: number): void;
  reset(): void;
}

/** Infection and effusion apart: only ground-glass, consolidation and infection of unknown kind are compared. */
const EFFUSION = 3;

/** Dice of the infected voxels of two masks; null when neither has any. */
export function agreement(one: Uint8Array, other: Uint8Array): number | null {
  let both = 0;
  let sum = 0;
  for (let i = 0; i < one.length; i++) {
    const a = one[i] !== 0 && one[i] !== EFFUSION ? 1 : 0;
    const b = other[i] !== 0 && other[i] !== EFFUSION ? 1 : 0;
    both += a & b;
    sum += a + b;
  }
  return sum === 0 ? null : (2 * both) / sum;
}

export class Beside implements Companion {
  private readonly stage: Stage;
  private labels: Labels | null = null;

  constructor(
    private readonly data: BesideData,
    private readonly series: Series,
    layers: Layers,
  ) {
    this.stage = new Stage(
      required<HTMLDivElement>("[data-beside-picture]"),
      required<HTMLCanvasElement>("[data-beside-masks]"),
      series,
      layers,
      { loaded: () => {}, shown: () => {} },
    );
  }

  async start(image: number): Promise<void> {
    await this.stage.start(image);
    const voxels = this.series.grid.shape_zyx.reduce((a, b) => a * b, 1);
    const [lobes, infection] = await Promise.all([
      fetchLabels(this.data.masks.lobes, voxels),
      fetchLabels(this.data.masks.infection, voxels),
    ]);
    this.labels = { lobes, infection };
    this.stage.setLabels(this.labels);
  }

  /** Say how far the masks agree, once both are there. */
  compareWith(infection: Uint8Array): void {
    if (this.labels === null) return;
    const dice = agreement(infection, this.labels.infection);
    const text =
      dice === null ? "Neither finds infection." : `The infected voxels agree by Dice ${dice.toFixed(3)}.`;
    const line = required<HTMLElement>("[data-agreement]");
    line.textContent = text;
    line.dataset.ready = "true";
  }

  async follow(image: number): Promise<void> {
    await this.stage.show(image);
  }

  setWindow(width_hu: number, level_hu: number): void {
    this.stage.setWindow(width_hu, level_hu);
  }

  repaint(): void {
    this.stage.repaint();
  }

  zoomBy(factor: number): void {
    this.stage.zoomBy(factor);
  }

  panBy(x: number, y: number): void {
    this.stage.panBy(x, y);
  }

  reset(): void {
    this.stage.reset();
  }
}
