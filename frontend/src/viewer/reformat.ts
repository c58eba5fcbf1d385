/** Cuts through a stack of axial slices. Knows no DOM. Rows of a cut run from head to feet. */

import { flipIndex, type Grid, type Letters, lettersOf, negated } from "./geometry";

export const PLANES = ["coronal", "sagittal"] as const;
export type Plane = (typeof PLANES)[number];

/** Where the planes cross: volume indices. */
export interface Crossing {
  slice: number;
  row: number;
  column: number;
}

/** HU of slices that have not arrived. */
export const ABSENT_HU = -32768;

/** Volume axis along the rows of a cut: x for coronal cuts, y for sagittal ones. */
export function axisAlong(plane: Plane): 1 | 2 {
  return plane === "coronal" ? 2 : 1;
}

/** Pixels of a cut: as many as the axis along it, for every slice. */
export function sizeOf(plane: Plane, grid: Grid): { width: number; height: number } {
  return { width: grid.shape_zyx[axisAlong(plane)], height: grid.shape_zyx[0] };
}

/** Size of a cut in mm. */
export function sizeMm(plane: Plane, grid: Grid): { width: number; height: number } {
  const { width, height } = sizeOf(plane, grid);
  return {
    width: width * grid.spacing_zyx_mm[axisAlong(plane)],
    height: height * grid.spacing_zyx_mm[0],
  };
}

/** Copy a cut out of slices, each stored row by row; slices that are absent become `absent`. */
export function cut<Values extends Int16Array | Uint8Array>(
  plane: Plane,
  grid: Grid,
  at: Crossing,
  sliceOf: (index: number) => ArrayLike<number> | undefined,
  out: Values,
  absent: number,
): Values {
  const columns = grid.shape_zyx[2];
  const { width, height } = sizeOf(plane, grid);
  for (let image = 0; image < height; image++) {
    const slice = sliceOf(flipIndex(grid, image));
    const line = image * width;
    if (slice === undefined) {
      out.fill(absent, line, line + width);
      continue;
    }
    const start = plane === "coronal" ? at.row * columns : at.column;
    const step = plane === "coronal" ? 1 : columns;
    for (let i = 0, from = start; i < width; i++, from += step) out[line + i] = slice[from] ?? absent;
  }
  return out;
}

/** Grey values of HU under a window, opaque; what is absent is dark blue, so that nobody takes it for air. */
export function shade(hu: Int16Array, width_hu: number, level_hu: number, rgba: Uint8ClampedArray): void {
  const low = level_hu - width_hu / 2;
  const scale = 255 / width_hu;
  for (let i = 0; i < hu.length; i++) {
    const value = hu[i] ?? ABSENT_HU;
    const at = 4 * i;
    const grey = (value - low) * scale;
    rgba[at] = rgba[at + 1] = value === ABSENT_HU ? 14 : grey;
    rgba[at + 2] = value === ABSENT_HU ? 30 : grey;
    rgba[at + 3] = 255;
  }
}

/** Letters at the borders of a cut. */
export function cutLetters(plane: Plane, grid: Grid): Letters {
  const through = grid.axes_zyx_lps[0];
  return lettersOf(grid.axes_zyx_lps[axisAlong(plane)], through[2] > 0 ? negated(through) : through);
}
