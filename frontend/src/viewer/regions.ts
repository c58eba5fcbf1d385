/** Regions of a label map: filling what is enclosed, and interpolating between painted slices. Knows no DOM. */

type Shape = readonly [number, number, number];

/** Voxels of one slice that hang together with the given one and have its label, as far as `allows` lets. */
export function enclosed(
  labels: Uint8Array,
  shape: Shape,
  at: { slice: number; row: number; column: number },
  allows: (voxel: number) => boolean,
): number[] {
  const [, height, width] = shape;
  const base = at.slice * height * width;
  const start = base + at.row * width + at.column;
  if (!allows(start)) return [];
  const label = labels[start];
  const seen = new Set([start]);
  const found = [start];
  for (let i = 0; i < found.length; i++) {
    const voxel = found[i] ?? start;
    const column = (voxel - base) % width;
    const row = Math.floor((voxel - base) / width);
    for (const [next, isInside] of [
      [voxel - 1, column > 0],
      [voxel + 1, column < width - 1],
      [voxel - width, row > 0],
      [voxel + width, row < height - 1],
    ] as const) {
      if (!isInside || seen.has(next) || labels[next] !== label || !allows(next)) continue;
      seen.add(next);
      found.push(next);
    }
  }
  return found;
}

/**
 * Voxels on the slices between two painted ones, after Raya and Udupa: the signed distances to both borders are
 * averaged by the place between them. `painted` maps slices to their painted voxels.
 */
export function between(shape: Shape, painted: ReadonlyMap<number, readonly number[]>): number[] {
  const slices = [...painted.keys()].sort((a, b) => a - b);
  const found: number[] = [];
  for (const [i, lower] of slices.entries()) {
    const upper = slices[i + 1];
    if (upper === undefined || upper - lower < 2) continue;
    found.push(...betweenTwo(shape, lower, painted.get(lower) ?? [], upper, painted.get(upper) ?? []));
  }
  return found;
}

function betweenTwo(
  shape: Shape,
  lower: number,
  below: readonly number[],
  upper: number,
  above: readonly number[],
): number[] {
  const [, height, width] = shape;
  const area = height * width;
  const box = boxOf([...below.map((v) => v % area), ...above.map((v) => v % area)], width);
  const near = signedDistance(below, area, width, box);
  const far = signedDistance(above, area, width, box);
  const found: number[] = [];
  for (let slice = lower + 1; slice < upper; slice++) {
    const share = (slice - lower) / (upper - lower);
    for (let i = 0; i < near.length; i++) {
      if ((1 - share) * (near[i] ?? 0) + share * (far[i] ?? 0) > 0) continue;
      const row = box.top + Math.floor(i / box.width);
      const column = box.left + (i % box.width);
      found.push(slice * area + row * width + column);
    }
  }
  return found;
}

interface Box {
  top: number;
  left: number;
  width: number;
  height: number;
}

function boxOf(pixels: readonly number[], width: number): Box {
  let [top, left, bottom, right] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0];
  for (const pixel of pixels) {
    const row = Math.floor(pixel / width);
    top = Math.min(top, row);
    bottom = Math.max(bottom, row);
    left = Math.min(left, pixel % width);
    right = Math.max(right, pixel % width);
  }
  return { top, left, width: right - left + 1, height: bottom - top + 1 };
}

/** Distance to the border of a region in pixels: negative inside, positive outside. */
function signedDistance(voxels: readonly number[], area: number, width: number, box: Box): Float64Array {
  const inside = new Uint8Array(box.width * box.height);
  for (const voxel of voxels) {
    const pixel = voxel % area;
    inside[(Math.floor(pixel / width) - box.top) * box.width + (pixel % width) - box.left] = 1;
  }
  const toInside = squaredDistance(inside, 1, box);
  const toOutside = squaredDistance(inside, 0, box);
  // The border lies half a pixel beyond the centres of the outermost pixels.
  return toInside.map((out, i) => (out > 0 ? Math.sqrt(out) - 0.5 : 0.5 - Math.sqrt(toOutside[i] ?? 0)));
}

/** Squared distance of every pixel to the nearest one of a value; what lies outside the box counts as value 0. */
function squaredDistance(values: Uint8Array, wanted: 0 | 1, box: Box): Float64Array {
  const { width, height } = box;
  const far = (width + height + 2) ** 2;
  const result = new Float64Array(width * height);
  const columnwise = new Float64Array(width * height);
  for (let x = 0; x < width; x++) {
    const line = Float64Array.from({ length: height }, (_, y) =>
      values[y * width + x] === wanted ? 0 : far,
    );
    transform(line, wanted === 0).forEach((value, y) => (columnwise[y * width + x] = value));
  }
  for (let y = 0; y < height; y++) {
    const line = columnwise.subarray(y * width, (y + 1) * width);
    transform(line, wanted === 0).forEach((value, x) => (result[y * width + x] = value));
  }
  return result;
}

/** Lower envelope of parabolas along one line (Felzenszwalb and Huttenlocher), by trying all: lines are short. */
function transform(line: Float64Array, isOpen: boolean): Float64Array {
  const length = line.length;
  return line.map((_, i) => {
    // Beyond both ends lies value 0.
    let least = isOpen ? Math.min(i + 1, length - i) ** 2 : Number.POSITIVE_INFINITY;
    for (let j = 0; j < length; j++) {
      const there = (line[j] ?? 0) + (i - j) ** 2;
      if (there < least) least = there;
    }
    return least;
  });
}
