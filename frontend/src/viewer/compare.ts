/** A prior beside the scan: linked scrolling by anatomy, growth map and what the registration says of itself. */

import { isOpen, type Job, jobText } from "../shared/jobs";
import { api, required } from "../shared/page";
import { Companion } from "./companion";
import { clamp, flipIndex, type Grid } from "./geometry";
import type { Layers } from "./layers";
import { fetchLabels } from "./nifti";
import { decimal, gettext } from "../shared/words";

export interface CompareData {
  scan: string;
  grid: Grid;
  framesUrl: string;
  masks: { lobes: string; infection: string } | null;
  registrationUrl: string;
  growthMapUrl: string;
}

export interface Registration {
  state: string;
  error_mm: number;
  is_poor: boolean;
  new_ml: number;
  persistent_ml: number;
  resolved_ml: number;
  prior_slice_of: number[];
}

const POLL_MS = 2000;

/** Displayed image of the prior for a displayed image of the scan, before and after the registration is there. */
export function linkedImage(
  image: number,
  grids: { scan: Grid; prior: Grid },
  priorSliceOf: readonly number[] | null,
  offset: number,
): number {
  const count = grids.prior.shape_zyx[0];
  const index = flipIndex(grids.scan, image);
  const matched = priorSliceOf?.[index];
  const share = image / Math.max(1, grids.scan.shape_zyx[0] - 1);
  const linked =
    matched === undefined
      ? Math.round(share * (count - 1))
      : flipIndex(grids.prior, clamp(Math.round(matched), 0, count - 1));
  return clamp(linked + offset, 0, count - 1);
}

/** The second picture and the panel of figures. */
export class Comparison extends Companion {
  private registration: Registration | null = null;
  private offset = 0;
  private image = 0;
  private readonly box = required<HTMLElement>("[data-compare]");

  constructor(
    private readonly data: CompareData,
    private readonly scanGrid: Grid,
    layers: Layers,
    private readonly whenReady: (growth: Uint8Array) => void,
  ) {
    super("prior", data, layers);
  }

  /** Show the prior; the registration and the masks follow when they are there. */
  async start(image: number): Promise<void> {
    this.image = image;
    await this.stage.start(this.linked());
    required<HTMLInputElement>("[data-offset]").addEventListener("input", (event) => {
      this.offset = Number((event.target as HTMLInputElement).value);
      void this.follow(this.image);
    });
    void this.await().catch((error: unknown) => {
      this.say(error instanceof Error ? error.message : String(error));
    });
    const { masks, grid } = this.data;
    if (masks === null) return;
    const voxels = grid.shape_zyx.reduce((a, b) => a * b, 1);
    const [lobes, infection] = await Promise.all([
      fetchLabels(masks.lobes, voxels),
      fetchLabels(masks.infection, voxels),
    ]);
    this.stage.setLabels({ lobes, infection });
  }

  /** Scroll along with the scan. */
  async follow(image: number): Promise<void> {
    this.image = image;
    await this.stage.show(this.linked());
  }

  private linked(): number {
    const grids = { scan: this.scanGrid, prior: this.data.grid };
    return linkedImage(this.image, grids, this.registration?.prior_slice_of ?? null, this.offset);
  }

  protected override shown(image: number): void {
    required("[data-prior-position]").textContent = `${image + 1} / ${this.data.grid.shape_zyx[0]}`;
  }

  private say(text: string): void {
    required("[data-compare-status]", this.box).textContent = text;
  }

  /** Ask for the registration until it is there or has failed. */
  private async await(): Promise<void> {
    for (;;) {
      const answer = await api<Registration | Job>(this.data.registrationUrl);
      if ("error_mm" in answer) return this.show(answer);
      if (!isOpen(answer)) {
        this.say(
          gettext("The scans could not be laid onto each other: {reason}", {
            reason: answer.error || jobText(answer),
          }),
        );
        return;
      }
      this.say(`${gettext("Laying the scans onto each other")} · ${jobText(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  private async show(found: Registration): Promise<void> {
    this.registration = found;
    const ml = (value: number) => `${decimal(value, value < 10 ? 1 : 0)} ml`;
    for (const part of ["new", "persistent", "resolved"] as const) {
      required(`[data-growth="${part}"]`, this.box).textContent = ml(found[`${part}_ml`]);
    }
    required<HTMLElement>("[data-growth-figures]", this.box).hidden = false;
    this.say(
      found.is_poor
        ? gettext("The scans match poorly ({error} mm): trust the volumes, not this map.", {
            error: decimal(found.error_mm, 1),
          })
        : found.error_mm < 1
          ? gettext("The lungs' surfaces lie less than 1 mm apart on average.")
          : gettext("The lungs' surfaces lie {error} mm apart on average.", {
              error: decimal(found.error_mm, 1),
            }),
    );
    this.box.dataset.ready = found.is_poor ? "poor" : "good";
    await this.follow(this.image);
    const voxels = this.scanGrid.shape_zyx.reduce((a, b) => a * b, 1);
    this.whenReady(await fetchLabels(this.data.growthMapUrl, voxels));
  }
}
