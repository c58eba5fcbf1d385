/** Rulers and regions on a slice: their figures, in mm and HU. Knows no DOM. */

import type { Grid } from "./geometry";
import { decimal, gettext } from "../shared/words";

export type Kind = "ruler" | "ellipse";

/** A point of a slice in (fractional) rows and columns. */
export interface Spot {
  row: number;
  column: number;
}

/** Two ends of a ruler, or two corners of the box around an ellipse, on one slice (volume index). */
export interface Mark {
  kind: Kind;
  slice: number;
  from: Spot;
  to: Spot;
}

export interface RegionFigures {
  mean_hu: number;
  sd_hu: number;
  min_hu: number;
  max_hu: number;
  area_mm2: number;
  pixels: number;
}

/** Length of a ruler in mm. */
export function lengthMm(grid: Grid, from: Spot, to: Spot): number {
  const [, rowMm, columnMm] = grid.spacing_zyx_mm;
  return Math.hypot((to.row - from.row) * rowMm, (to.column - from.column) * columnMm);
}

/** Figures of the pixels whose centres lie in the ellipse; null when there is none. */
export function regionFigures(grid: Grid, mark: Mark, pixels: ArrayLike<number>): RegionFigures | null {
  const [, rows, columns] = grid.shape_zyx;
  const middle = { row: (mark.from.row + mark.to.row) / 2, column: (mark.from.column + mark.to.column) / 2 };
  const half = {
    row: Math.abs(mark.to.row - mark.from.row) / 2,
    column: Math.abs(mark.to.column - mark.from.column) / 2,
  };
  let count = 0;
  let sum = 0;
  let squares = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  const first = Math.max(0, Math.ceil(middle.row - half.row));
  const last = Math.min(rows - 1, Math.floor(middle.row + half.row));
  for (let row = first; row <= last; row++) {
    const share = half.row > 0 ? (row - middle.row) / half.row : 0;
    const reach = half.column * Math.sqrt(Math.max(0, 1 - share * share));
    const from = Math.max(0, Math.ceil(middle.column - reach));
    const to = Math.min(columns - 1, Math.floor(middle.column + reach));
    for (let column = from; column <= to; column++) {
      const value = pixels[row * columns + column] ?? 0;
      count++;
      sum += value;
      squares += value * value;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  if (count === 0) return null;
  const mean = sum / count;
  const [, rowMm, columnMm] = grid.spacing_zyx_mm;
  return {
    mean_hu: mean,
    sd_hu: Math.sqrt(Math.max(0, squares / count - mean * mean)),
    min_hu: min,
    max_hu: max,
    area_mm2: count * rowMm * columnMm,
    pixels: count,
  };
}

/** The figures of a mark in one line; `pixels` is its slice, undefined before it has arrived. */
export function figuresOf(grid: Grid, mark: Mark, pixels: ArrayLike<number> | undefined): string {
  if (mark.kind === "ruler") return `${decimal(lengthMm(grid, mark.from, mark.to), 1)} mm`;
  const found = pixels === undefined ? null : regionFigures(grid, mark, pixels);
  if (found === null) return gettext("no pixel");
  const whole = (value: number) => value.toFixed(0).replace("-", "−");
  const area =
    found.area_mm2 < 100 ? `${decimal(found.area_mm2, 1)} mm²` : `${decimal(found.area_mm2 / 100, 1)} cm²`;
  return gettext("{mean} ± {deviation} HU ({low} to {high}), {area}", {
    mean: whole(found.mean_hu),
    deviation: whole(found.sd_hu),
    low: whole(found.min_hu),
    high: whole(found.max_hu),
    area,
  });
}
