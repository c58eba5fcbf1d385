/** Surfaces of label maps, for looking at lungs and infection in space. Knows no DOM. */

import type { Grid, Vec3 } from "./geometry";

/** A coarse field: the share of each block of voxels that belongs to a structure, 0..1; axes z, y, x. */
export interface Field {
  shape: Vec3;
  values: Float32Array;
  /** Voxels of the label map to a block, along each axis. */
  factors: Vec3;
}

export interface Mesh {
  /** x, y, z in mm (LPS) from the middle of the scan, three a vertex. */
  positions: Float32Array;
  normals: Float32Array;
  triangles: Uint32Array;
}

/** Blocks of about this size: finer ones would show no more on a screen. */
const BLOCK_MM = 2.6;

/** How many voxels of each axis make a block. */
export function factorsOf(grid: Grid): Vec3 {
  return grid.spacing_zyx_mm.map((mm) => Math.max(1, Math.round(BLOCK_MM / mm))) as Vec3;
}

/** Shares of blocks, with a rim of nothing around, so that surfaces are closed. */
export function fieldOf(grid: Grid, labels: Uint8Array, isPart: (label: number) => boolean): Field {
  const factors = factorsOf(grid);
  const [slices, rows, columns] = grid.shape_zyx;
  const shape = grid.shape_zyx.map((n, i) => Math.ceil(n / (factors[i] ?? 1)) + 2) as Vec3;
  const values = new Float32Array(shape[0] * shape[1] * shape[2]);
  const part = Uint8Array.from({ length: 256 }, (_, label) => (isPart(label) ? 1 : 0));
  const share = 1 / (factors[0] * factors[1] * factors[2]);
  let at = 0;
  for (let z = 0; z < slices; z++) {
    const plane = (Math.floor(z / factors[0]) + 1) * shape[1];
    for (let y = 0; y < rows; y++) {
      const line = (plane + Math.floor(y / factors[1]) + 1) * shape[2] + 1;
      for (let x = 0; x < columns; x++, at++) {
        if (part[labels[at] ?? 0] === 0) continue;
        const block = line + Math.floor(x / factors[2]);
        values[block] = (values[block] ?? 0) + share;
      }
    }
  }
  return { shape, values, factors };
}

/** The surface where a field passes `level`, by naive surface nets (Gibson 1998): one vertex a cell that it crosses. */
export function surfaceOf(grid: Grid, field: Field, level: number): Mesh {
  const [depth, height, width] = field.shape;
  const { values } = field;
  const steps: Vec3 = [height * width, width, 1];
  const vertexOf = new Int32Array(values.length).fill(-1);
  const positions: number[] = [];
  const triangles: number[] = [];
  const value = (at: number) => (values[at] ?? 0) - level;

  for (let z = 0; z < depth - 1; z++)
    for (let y = 0; y < height - 1; y++)
      for (let x = 0; x < width - 1; x++) {
        const at = z * steps[0] + y * steps[1] + x;
        const middle = crossing(value, at, steps);
        if (middle === null) continue;
        vertexOf[at] = positions.length / 3;
        positions.push(...inPatient(grid, field.factors, [z + middle[0], y + middle[1], x + middle[2]]));
      }

  for (let z = 1; z < depth - 1; z++)
    for (let y = 1; y < height - 1; y++)
      for (let x = 1; x < width - 1; x++) {
        const at = z * steps[0] + y * steps[1] + x;
        const here = value(at) > 0;
        for (const axis of [0, 1, 2] as const) {
          if (value(at + steps[axis]) > 0 === here) continue;
          // The four cells around the edge that the surface crosses.
          const u = steps[(axis + 1) % 3] ?? 1;
          const v = steps[(axis + 2) % 3] ?? 1;
          const corners = [at, at - u, at - u - v, at - v].map((cell) => vertexOf[cell] ?? -1);
          const [a, b, c, d] = here ? corners : corners.reverse();
          if (a === undefined || b === undefined || c === undefined || d === undefined) continue;
          triangles.push(a, b, c, a, c, d);
        }
      }
  const placed = Float32Array.from(positions);
  const indices = Uint32Array.from(triangles);
  return { positions: placed, normals: normalsOf(placed, indices), triangles: indices };
}

/** Mean of the points where the surface crosses the edges of a cell, within the cell; null: it does not. */
function crossing(value: (at: number) => number, at: number, steps: Vec3): Vec3 | null {
  const sum: Vec3 = [0, 0, 0];
  let count = 0;
  for (const axis of [0, 1, 2] as const) {
    const others = [0, 1, 2].filter((other) => other !== axis) as [0 | 1 | 2, 0 | 1 | 2];
    for (let corner = 0; corner < 4; corner++) {
      const first = corner & 1;
      const second = corner >> 1;
      const start = at + first * steps[others[0]] + second * steps[others[1]];
      const a = value(start);
      const b = value(start + steps[axis]);
      if (a > 0 === b > 0) continue;
      sum[axis] += a / (a - b);
      sum[others[0]] += first;
      sum[others[1]] += second;
      count++;
    }
  }
  return count === 0 ? null : [sum[0] / count, sum[1] / count, sum[2] / count];
}

/** A place of the field in mm from the middle of the scan; the rim and the half block are taken off. */
function inPatient(grid: Grid, factors: Vec3, place: Vec3): Vec3 {
  const point: Vec3 = [0, 0, 0];
  for (const axis of [0, 1, 2] as const) {
    const voxel = (place[axis] - 0.5) * factors[axis] - 0.5;
    const mm = (voxel - (grid.shape_zyx[axis] - 1) / 2) * grid.spacing_zyx_mm[axis];
    for (const k of [0, 1, 2] as const) point[k] += mm * grid.axes_zyx_lps[axis][k];
  }
  return point;
}

/** Normals of the vertices, from the triangles around each, pointing outwards or inwards as the triangles turn. */
function normalsOf(positions: Float32Array, triangles: Uint32Array): Float32Array {
  const normals = new Float32Array(positions.length);
  const p = (vertex: number, k: number) => positions[3 * vertex + k] ?? 0;
  for (let i = 0; i < triangles.length; i += 3) {
    const [a, b, c] = [triangles[i] ?? 0, triangles[i + 1] ?? 0, triangles[i + 2] ?? 0];
    const u = [0, 1, 2].map((k) => p(b, k) - p(a, k)) as Vec3;
    const v = [0, 1, 2].map((k) => p(c, k) - p(a, k)) as Vec3;
    const n: Vec3 = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    for (const vertex of [a, b, c])
      for (const k of [0, 1, 2] as const) normals[3 * vertex + k] = (normals[3 * vertex + k] ?? 0) + n[k];
  }
  for (let i = 0; i < normals.length; i += 3) {
    const size = Math.hypot(normals[i] ?? 0, normals[i + 1] ?? 0, normals[i + 2] ?? 0) || 1;
    for (let k = 0; k < 3; k++) normals[i + k] = (normals[i + k] ?? 0) / size;
  }
  return normals;
}

/** Volume that a closed surface encloses, in ml (by the divergence theorem); for tests, and to trust the picture. */
export function enclosedMl(mesh: Mesh): number {
  let six = 0;
  const p = (vertex: number, k: number) => mesh.positions[3 * vertex + k] ?? 0;
  for (let i = 0; i < mesh.triangles.length; i += 3) {
    const [a, b, c] = [mesh.triangles[i] ?? 0, mesh.triangles[i + 1] ?? 0, mesh.triangles[i + 2] ?? 0];
    six +=
      p(a, 0) * (p(b, 1) * p(c, 2) - p(b, 2) * p(c, 1)) -
      p(a, 1) * (p(b, 0) * p(c, 2) - p(b, 2) * p(c, 0)) +
      p(a, 2) * (p(b, 0) * p(c, 1) - p(b, 1) * p(c, 0));
  }
  return Math.abs(six) / 6 / 1000;
}
