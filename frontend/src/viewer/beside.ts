/** The same scan with another revision's masks beside it: two pipelines, or a pipeline and a reader. */

import { required } from "../shared/page";
import { Companion } from "./companion";
import type { Layers } from "./layers";
import { fetchLabels } from "./nifti";
import type { Series } from "./loader";
import type { Labels } from "./stage";
import { decimal, gettext } from "../shared/words";

export interface BesideData {
  masks: { lobes: string; infection: string };
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

export class Beside extends Companion {
  private labels: Labels | null = null;

  constructor(
    private readonly data: BesideData,
    private readonly series: Series,
    layers: Layers,
  ) {
    super("beside", series, layers);
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
      dice === null
        ? gettext("Neither finds infection.")
        : gettext("The infected voxels agree by Dice {dice}.", { dice: decimal(dice, 3) });
    const line = required<HTMLElement>("[data-agreement]");
    line.textContent = text;
    line.dataset.ready = "true";
  }

  async follow(image: number): Promise<void> {
    await this.stage.show(image);
  }
}
