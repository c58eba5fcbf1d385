/** Grid arithmetic of the viewer. Knows no DOM. Points are LPS in mm; axes are z (slice), y (row), x (column). */

export type Vec3 = [number, number, number];

export interface Grid {
  shape_zyx: Vec3;
  spacing_zyx_mm: Vec3;
  origin_lps_mm: Vec3;
  axes_zyx_lps: [Vec3, Vec3, Vec3];
}

/** Patient point of a (fractional) voxel index z, y, x. */
export function pointOf(grid: Grid, index: Vec3): Vec3 {
  const point: Vec3 = [...grid.origin_lps_mm];
  for (const axis of [0, 1, 2] as const) {
    const step = index[axis] * grid.spacing_zyx_mm[axis];
    for (const k of [0, 1, 2] as const) point[k] += step * grid.axes_zyx_lps[axis][k];
  }
  return point;
}

const LETTERS: readonly [string, string][] = [
  ["L", "R"],
  ["P", "A"],
  ["H", "F"],
];

/** The patient's side that a direction points to: R, L, A, P, H or F. */
export function letterOf(direction: Vec3): string {
  const sizes = direction.map(Math.abs);
  const axis = sizes.indexOf(Math.max(...sizes));
  const pair = LETTERS[axis];
  if (pair === undefined) throw new Error("a direction has three parts");
  return (direction[axis] ?? 0) >= 0 ? pair[0] : pair[1];
}

export interface Letters {
  left: string;
  right: string;
  top: string;
  bottom: string;
}

/** Letters at the borders of a picture whose rows run along one direction and whose columns run down another. */
export function lettersOf(along: Vec3, down: Vec3): Letters {
  return {
    left: letterOf(negated(along)),
    right: letterOf(along),
    top: letterOf(negated(down)),
    bottom: letterOf(down),
  };
}

/** Letters at the image's borders, as the slice is shown. */
export function borderLetters(grid: Grid): Letters {
  const [, down, along] = grid.axes_zyx_lps;
  return lettersOf(along, down);
}

/** The opposite direction. */
export function negated(v: Vec3): Vec3 {
  return [-v[0], -v[1], -v[2]];
}

/** Whether volume index 0 lies at the feet, so that image 1 (at the head) is the last slice of the volume. */
export function runsFeetToHead(grid: Grid): boolean {
  return grid.axes_zyx_lps[0][2] > 0;
}

/** Volume index of a displayed image (counted from 0 at the head), and the other way round. */
export function flipIndex(grid: Grid, index: number): number {
  return runsFeetToHead(grid) ? grid.shape_zyx[0] - 1 - index : index;
}

/** Keep a number within bounds. */
export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** All indices, nearest to `centre` first: the order in which slices are fetched. */
export function outwards(centre: number, count: number): number[] {
  const order: number[] = [];
  for (let step = 0; step < count; step++) {
    if (centre + step < count) order.push(centre + step);
    if (step > 0 && centre - step >= 0) order.push(centre - step);
  }
  return order;
}
