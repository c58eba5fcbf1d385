/** Painting labels with undo and redo. Knows no DOM. */

/** What one stroke changed: voxel -> label before. */
type Stroke = Map<number, number>;

export interface Dab {
  slice: number;
  row: number;
  column: number;
  /** Half axes of the brush in voxels: pixels need not be square. */
  rows: number;
  columns: number;
}

/** A label map that is being corrected. Voxels count z, y, x. */
export class Canvas {
  private done: Stroke[] = [];
  private undone: Stroke[] = [];
  private stroke: Stroke | null = null;

  constructor(
    readonly labels: Uint8Array,
    private readonly shape: readonly [number, number, number],
    /** Told of every voxel that has changed, also by undo and redo. */
    private readonly changed: (voxel: number) => void = () => {},
  ) {}

  get canUndo(): boolean {
    return this.done.length > 0;
  }

  get canRedo(): boolean {
    return this.undone.length > 0;
  }

  begin(): void {
    this.stroke = new Map();
  }

  /** Put `label` on every voxel of the brush for which `allows` says yes. */
  dab(at: Dab, label: number, allows: (voxel: number) => boolean): void {
    if (this.stroke === null) return;
    const [, height, width] = this.shape;
    const from = Math.max(0, Math.ceil(at.row - at.rows));
    const to = Math.min(height - 1, Math.floor(at.row + at.rows));
    for (let row = from; row <= to; row++) {
      const reach = at.columns * Math.sqrt(Math.max(0, 1 - ((row - at.row) / at.rows) ** 2));
      const first = Math.max(0, Math.ceil(at.column - reach));
      const last = Math.min(width - 1, Math.floor(at.column + reach));
      for (let column = first; column <= last; column++) {
        const voxel = (at.slice * height + row) * width + column;
        const before = this.labels[voxel] ?? 0;
        if (before === label || !allows(voxel)) continue;
        if (!this.stroke.has(voxel)) this.stroke.set(voxel, before);
        this.set(voxel, label);
      }
    }
  }

  private set(voxel: number, label: number): void {
    this.labels[voxel] = label;
    this.changed(voxel);
  }

  /** Whether the stroke has changed anything. */
  end(): boolean {
    const isStroke = this.stroke !== null && this.stroke.size > 0;
    if (this.stroke !== null && isStroke) {
      this.done.push(this.stroke);
      this.undone = [];
    }
    this.stroke = null;
    return isStroke;
  }

  /** What was undone can no longer be done again: something else was changed since. */
  forgetUndone(): void {
    this.undone = [];
  }

  /** Put `label` on these voxels, as one stroke. */
  put(voxels: readonly number[], label: number): boolean {
    this.begin();
    for (const voxel of voxels) {
      const before = this.labels[voxel] ?? 0;
      if (before === label) continue;
      this.stroke?.set(voxel, before);
      this.set(voxel, label);
    }
    return this.end();
  }

  /** What has been painted with this label and still has it, by slice. */
  painted(label: number): Map<number, number[]> {
    const area = this.shape[1] * this.shape[2];
    const found = new Map<number, Set<number>>();
    for (const stroke of this.done)
      for (const voxel of stroke.keys()) {
        if (this.labels[voxel] !== label) continue;
        const slice = Math.floor(voxel / area);
        found.set(slice, (found.get(slice) ?? new Set()).add(voxel));
      }
    return new Map([...found].map(([slice, voxels]) => [slice, [...voxels]]));
  }

  undo(): void {
    const stroke = this.done.pop();
    if (stroke !== undefined) this.undone.push(this.swap(stroke));
  }

  redo(): void {
    const stroke = this.undone.pop();
    if (stroke !== undefined) this.done.push(this.swap(stroke));
  }

  /** Put the old labels back; returns what takes this back again. */
  private swap(stroke: Stroke): Stroke {
    const reverse: Stroke = new Map();
    for (const [voxel, label] of stroke) {
      reverse.set(voxel, this.labels[voxel] ?? 0);
      this.set(voxel, label);
    }
    return reverse;
  }
}
