/** What stands beside the scan and follows it: a prior, or the scan with other masks. */

import type { Layers } from "./layers";
import type { Series } from "./loader";
import { Stage } from "./stage";
import { required } from "../shared/page";

export abstract class Companion {
  protected readonly stage: Stage;

  /** `name` is that of the page's elements: `data-NAME-picture`, `data-NAME-masks`. */
  constructor(name: string, series: Series, layers: Layers) {
    this.stage = new Stage(
      required<HTMLDivElement>(`[data-${name}-picture]`),
      required<HTMLCanvasElement>(`[data-${name}-masks]`),
      series,
      layers,
      { loaded: () => {}, shown: (image) => this.shown(image) },
    );
  }

  abstract start(image: number): Promise<void>;

  /** Show what belongs to an image of the scan. */
  abstract follow(image: number): Promise<void>;

  /** An image of its own is on screen. */
  protected shown(_image: number): void {}

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
