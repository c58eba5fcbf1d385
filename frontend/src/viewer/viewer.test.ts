import { describe, expect, it } from "vitest";
import { agreement } from "./beside";
import { Canvas } from "./brush";
import { linkedImage } from "./compare";
import { borderLetters, flipIndex, type Grid, letterOf, outwards, pointOf } from "./geometry";
import { defaultLayers, paint } from "./layers";
import { figuresOf, lengthMm, regionFigures } from "./measure";
import { labelsOf } from "./nifti";
import { between, enclosed } from "./regions";
import { ABSENT_HU, cut, cutLetters, shade, sizeMm, sizeOf } from "./reformat";
import { enclosedMl, fieldOf, surfaceOf } from "./surface";
import { fromHash, toHash } from "./state";
import { shares } from "./strip";

const AXIAL: Grid = {
  shape_zyx: [10, 4, 5],
  spacing_zyx_mm: [2, 0.5, 0.7],
  origin_lps_mm: [-10, -20, 100],
  axes_zyx_lps: [
    [0, 0, 1],
    [0, 1, 0],
    [1, 0, 0],
  ],
};
const PRONE: Grid = {
  ...AXIAL,
  axes_zyx_lps: [
    [0, 0, 1],
    [0, -1, 0],
    [-1, 0, 0],
  ],
};

describe("geometry", () => {
  it("places voxels in the patient", () => {
    const point = pointOf(AXIAL, [3, 2, 1]);
    for (const [axis, value] of [-9.3, -19, 106].entries()) expect(point[axis]).toBeCloseTo(value);
  });
  it("shows the patient's right on the left of an ordinary axial slice", () => {
    expect(borderLetters(AXIAL)).toEqual({ left: "R", right: "L", top: "A", bottom: "P" });
  });
  it("names the sides of a prone patient as they lie", () => {
    expect(borderLetters(PRONE)).toEqual({ left: "L", right: "R", top: "P", bottom: "A" });
  });
  it("names head and feet", () => {
    expect(letterOf([0, 0.1, -0.9])).toBe("F");
  });
  it("counts images from the head", () => {
    expect(flipIndex(AXIAL, 0)).toBe(9);
    expect(
      flipIndex(
        {
          ...AXIAL,
          axes_zyx_lps: [
            [0, 0, -1],
            [0, 1, 0],
            [1, 0, 0],
          ],
        },
        0,
      ),
    ).toBe(0);
  });
  it("fetches outwards from the shown slice, each once", () => {
    expect(outwards(2, 5)).toEqual([2, 3, 1, 4, 0]);
    expect([...outwards(7, 10)].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe("masks", () => {
  it("reads the voxels behind the header", () => {
    const file = new ArrayBuffer(352 + 3);
    const view = new DataView(file);
    view.setInt16(70, 2, true);
    view.setFloat32(108, 352, true);
    new Uint8Array(file, 352).set([1, 2, 3]);
    expect([...labelsOf(file, 3)]).toEqual([1, 2, 3]);
    expect(() => labelsOf(file, 4)).toThrow("cut off");
  });
  it("paints infection over lung, and nothing where a layer is off", () => {
    const lobes = new Uint8Array(25).fill(1);
    const infection = new Uint8Array(25);
    infection[12] = 2;
    const rgba = new Uint8ClampedArray(100);
    const layers = defaultLayers();
    paint(rgba, { lobes, infection, columns: 5 }, layers);
    expect(rgba[12 * 4 + 3]).toBe(255);
    layers.consolidation.visible = false;
    paint(rgba, { lobes, infection, columns: 5 }, layers);
    expect(rgba[12 * 4 + 3]).toBe(0);
  });
  it("scales the strip to the most infected slice", () => {
    expect(shares([0, 2, 4])).toEqual([0, 0.5, 1]);
  });
});

describe("planes", () => {
  const area = AXIAL.shape_zyx[1] * AXIAL.shape_zyx[2];
  /** Each voxel says where it is: slice, row and column as one number. */
  const sliceOf = (index: number) =>
    Int16Array.from({ length: area }, (_, i) => 100 * index + 10 * Math.floor(i / 5) + (i % 5));
  const at = { slice: 4, row: 2, column: 3 };

  it("cut coronally from right to left, head on top", () => {
    const { width, height } = sizeOf("coronal", AXIAL);
    const hu = cut("coronal", AXIAL, at, sliceOf, new Int16Array(width * height), ABSENT_HU);
    expect([...hu.subarray(0, width)]).toEqual([920, 921, 922, 923, 924]);
    expect([...hu.subarray(-width)]).toEqual([20, 21, 22, 23, 24]);
  });
  it("cut sagittally from front to back", () => {
    const { width, height } = sizeOf("sagittal", AXIAL);
    const hu = cut("sagittal", AXIAL, at, sliceOf, new Int16Array(width * height), ABSENT_HU);
    expect([...hu.subarray(0, width)]).toEqual([903, 913, 923, 933]);
  });
  it("say where slices have not arrived", () => {
    const { width, height } = sizeOf("coronal", AXIAL);
    const some = (index: number) => (index === 9 ? undefined : sliceOf(index));
    const hu = cut("coronal", AXIAL, at, some, new Int16Array(width * height), ABSENT_HU);
    expect(hu[0]).toBe(ABSENT_HU);
    const rgba = new Uint8ClampedArray(4 * hu.length);
    shade(hu, 1500, -600, rgba);
    expect([...rgba.subarray(0, 4)]).toEqual([14, 14, 30, 255]);
  });
  it("are as large as the patient", () => {
    expect(sizeMm("coronal", AXIAL)).toEqual({ width: 3.5, height: 20 });
    expect(sizeMm("sagittal", AXIAL)).toEqual({ width: 2, height: 20 });
  });
  it("name their sides, of a prone patient too", () => {
    expect(cutLetters("coronal", AXIAL)).toEqual({ left: "R", right: "L", top: "H", bottom: "F" });
    expect(cutLetters("sagittal", AXIAL)).toEqual({ left: "A", right: "P", top: "H", bottom: "F" });
    expect(cutLetters("sagittal", PRONE)).toEqual({ left: "P", right: "A", top: "H", bottom: "F" });
  });
  it("are shaded by the window", () => {
    const rgba = new Uint8ClampedArray(12);
    shade(Int16Array.from([-2000, -600, 2000]), 1500, -600, rgba);
    expect([rgba[0], rgba[4], rgba[8]]).toEqual([0, 128, 255]);
  });
});

describe("measuring", () => {
  it("gives lengths in mm whatever the pixels' shape", () => {
    expect(lengthMm(AXIAL, { row: 0, column: 0 }, { row: 3, column: 0 })).toBeCloseTo(1.5);
    expect(lengthMm(AXIAL, { row: 0, column: 0 }, { row: 0, column: 2 })).toBeCloseTo(1.4);
  });
  const grid: Grid = { ...AXIAL, shape_zyx: [1, 41, 41], spacing_zyx_mm: [1, 1, 1] };
  const disc = {
    kind: "ellipse",
    slice: 0,
    from: { row: 10, column: 5 },
    to: { row: 30, column: 35 },
  } as const;
  it("takes the pixels inside an ellipse and no others", () => {
    const pixels = Int16Array.from({ length: 41 * 41 }, (_, i) => {
      const row = (Math.floor(i / 41) - 20) / 10;
      const column = ((i % 41) - 20) / 15;
      return row * row + column * column <= 1.001 ? -500 : 3000;
    });
    const found = regionFigures(grid, disc, pixels);
    expect(found).toMatchObject({ mean_hu: -500, sd_hu: 0, min_hu: -500, max_hu: -500 });
    expect((found?.area_mm2 ?? 0) / (Math.PI * 10 * 15)).toBeCloseTo(1, 1);
  });
  it("knows mean and spread", () => {
    const small = {
      kind: "ellipse",
      slice: 0,
      from: { row: 0, column: 0 },
      to: { row: 0, column: 3 },
    } as const;
    const found = regionFigures(
      grid,
      small,
      Int16Array.from({ length: 41 * 41 }, (_, i) => i),
    );
    expect(found).toMatchObject({ mean_hu: 1.5, min_hu: 0, max_hu: 3, pixels: 4 });
    expect(found?.sd_hu).toBeCloseTo(Math.sqrt(1.25));
  });
  it("says so when nothing lies inside", () => {
    const gone = {
      kind: "ellipse",
      slice: 0,
      from: { row: -9, column: -9 },
      to: { row: -5, column: -5 },
    } as const;
    expect(figuresOf(grid, gone, new Int16Array(41 * 41))).toBe("no pixel");
  });
});

describe("two revisions", () => {
  it("agree by the overlap of what is infected, effusion apart", () => {
    expect(agreement(Uint8Array.from([0, 1, 2, 3, 4]), Uint8Array.from([0, 1, 0, 0, 1]))).toBeCloseTo(0.8);
    expect(agreement(Uint8Array.from([0, 3]), Uint8Array.from([0, 0]))).toBeNull();
  });
});

describe("surfaces", () => {
  const grid: Grid = { ...AXIAL, shape_zyx: [30, 60, 60], spacing_zyx_mm: [3, 1, 1.2] };
  const inBall = (z: number, y: number, x: number) =>
    (3 * (z - 15)) ** 2 + (y - 30) ** 2 + (1.2 * (x - 30)) ** 2 <= 24 ** 2;
  const labels = Uint8Array.from({ length: 30 * 3600 }, (_, i) =>
    inBall(Math.floor(i / 3600), Math.floor((i % 3600) / 60), i % 60) ? 2 : 0,
  );
  const mesh = surfaceOf(
    grid,
    fieldOf(grid, labels, (label) => label === 2),
    0.5,
  );

  it("enclose the volume of the mask", () => {
    const ml = (labels.filter((label) => label === 2).length * 3 * 1 * 1.2) / 1000;
    expect(enclosedMl(mesh) / ml).toBeCloseTo(1, 1);
  });
  it("are closed: every edge belongs to two triangles", () => {
    const edges = new Map<string, number>();
    for (let i = 0; i < mesh.triangles.length; i += 3)
      for (let k = 0; k < 3; k++) {
        const ends = [mesh.triangles[i + k] ?? 0, mesh.triangles[i + ((k + 1) % 3)] ?? 0].sort(
          (a, b) => a - b,
        );
        edges.set(ends.join(), (edges.get(ends.join()) ?? 0) + 1);
      }
    expect(new Set(edges.values())).toEqual(new Set([2]));
  });
  it("lie where the mask lies", () => {
    const reach = Math.max(...mesh.positions);
    expect(reach).toBeGreaterThan(20);
    expect(reach).toBeLessThan(28);
  });
  it("of nothing are empty", () => {
    expect(
      surfaceOf(
        grid,
        fieldOf(grid, labels, (label) => label === 7),
        0.5,
      ).triangles.length,
    ).toBe(0);
  });
});

describe("regions", () => {
  const shape = [5, 8, 8] as const;
  const voxel = (slice: number, row: number, column: number) => (slice * 8 + row) * 8 + column;
  it("fill what an outline encloses, and no more", () => {
    const labels = new Uint8Array(5 * 64);
    for (let i = 2; i <= 6; i++)
      for (const [row, column] of [
        [2, i],
        [6, i],
        [i, 2],
        [i, 6],
      ] as const)
        labels[voxel(1, row, column)] = 1;
    const found = enclosed(labels, shape, { slice: 1, row: 4, column: 4 }, () => true);
    expect(found.length).toBe(9);
    expect(enclosed(labels, shape, { slice: 1, row: 0, column: 0 }, () => true).length).toBe(64 - 25);
    expect(enclosed(labels, shape, { slice: 1, row: 4, column: 4 }, () => false)).toEqual([]);
    const half = (at: number) => at % 8 < 4;
    expect(enclosed(labels, shape, { slice: 1, row: 4, column: 3 }, half).length).toBe(3);
  });
  it("lie between two painted slices as a square between two squares", () => {
    const square = (slice: number, from: number, to: number) => {
      const found: number[] = [];
      for (let row = from; row <= to; row++)
        for (let column = from; column <= to; column++) found.push(voxel(slice, row, column));
      return found;
    };
    const same = between(
      shape,
      new Map([
        [0, square(0, 2, 5)],
        [4, square(4, 2, 5)],
      ]),
    );
    expect([...same].sort((a, b) => a - b)).toEqual([
      ...square(1, 2, 5),
      ...square(2, 2, 5),
      ...square(3, 2, 5),
    ]);
    const shrinking = between(
      shape,
      new Map([
        [0, square(0, 0, 7)],
        [4, square(4, 3, 4)],
      ]),
    );
    const counts = [1, 2, 3].map((slice) => shrinking.filter((at) => Math.floor(at / 64) === slice).length);
    expect(counts[0]).toBeLessThan(64);
    expect(counts[0]).toBeGreaterThan(counts[1] ?? 99);
    expect(counts[1]).toBeGreaterThan(counts[2] ?? 99);
    expect(counts[2]).toBeGreaterThanOrEqual(4);
  });
  it("need two slices with one between them", () => {
    expect(
      between(
        shape,
        new Map([
          [1, [voxel(1, 2, 2)]],
          [2, [voxel(2, 2, 2)]],
        ]),
      ),
    ).toEqual([]);
    expect(between(shape, new Map([[1, [voxel(1, 2, 2)]]]))).toEqual([]);
  });
  it("are painted as one stroke that can be taken back", () => {
    const canvas = new Canvas(new Uint8Array(5 * 64), shape as unknown as [number, number, number]);
    canvas.put([voxel(0, 1, 1), voxel(4, 1, 1)], 2);
    expect([...canvas.painted(2).keys()]).toEqual([0, 4]);
    canvas.put(between(shape, canvas.painted(2)), 2);
    expect(canvas.labels[voxel(2, 1, 1)]).toBe(2);
    canvas.undo();
    expect(canvas.labels[voxel(2, 1, 1)]).toBe(0);
    expect(canvas.labels[voxel(0, 1, 1)]).toBe(2);
  });
});

describe("the URL", () => {
  it("remembers the view", () => {
    const state = { image: 12, width_hu: 1500, level_hu: -600, layers: ["lung", "consolidation"] as const };
    const planes = { row: 210, column: 300 };
    expect(fromHash(toHash({ ...state, layers: [...state.layers], planes }))).toEqual({ ...state, planes });
    expect(fromHash(toHash({ ...state, layers: [...state.layers], planes: null }))).toEqual(state);
  });
  it("ignores what it cannot read", () => {
    expect(fromHash("#slice=zero&ww=-4&layers=lung.nonsense")).toEqual({ layers: ["lung"] });
  });
});

describe("comparison", () => {
  const prior: Grid = { ...AXIAL, shape_zyx: [20, 4, 5] };
  const grids = { scan: AXIAL, prior };
  it("links by the share of the scan until the registration is there", () => {
    expect(linkedImage(0, grids, null, 0)).toBe(0);
    expect(linkedImage(9, grids, null, 0)).toBe(19);
  });
  it("links by anatomy once it is, and stays within the prior", () => {
    const matched = Array.from({ length: 10 }, (_, z) => 2 * z + 0.4);
    expect(linkedImage(0, grids, matched, 0)).toBe(1);
    expect(linkedImage(0, grids, matched, 3)).toBe(4);
    expect(linkedImage(0, grids, matched, -9)).toBe(0);
  });
  it("paints growth in the place of the kinds of infection", () => {
    const layers = defaultLayers();
    layers.lung.visible = false;
    const rgba = new Uint8ClampedArray(4 * 4);
    const labels = { lobes: new Uint8Array(4), infection: new Uint8Array([1, 0, 0, 0]), columns: 2 };
    paint(rgba, { ...labels, growth: new Uint8Array([0, 1, 0, 0]) }, layers);
    expect(rgba[3]).toBe(0);
    expect([...rgba.slice(4, 7)]).toEqual([255, 92, 92]);
    layers.growth.visible = false;
    paint(rgba, { ...labels, growth: new Uint8Array([0, 1, 0, 0]) }, layers);
    expect(rgba[3]).toBe(255);
  });
});

describe("brush", () => {
  const all = () => true;
  it("paints an ellipse on one slice, clipped at the border", () => {
    const canvas = new Canvas(new Uint8Array(2 * 5 * 5), [2, 5, 5]);
    canvas.begin();
    canvas.dab({ slice: 1, row: 0, column: 0, rows: 1, columns: 2 }, 2, all);
    canvas.end();
    expect([...canvas.labels.slice(25, 35)]).toEqual([2, 2, 2, 0, 0, 2, 0, 0, 0, 0]);
    expect(canvas.labels.slice(0, 25).some((label) => label !== 0)).toBe(false);
  });
  it("leaves alone what it may not touch", () => {
    const canvas = new Canvas(new Uint8Array(25), [1, 5, 5]);
    canvas.begin();
    canvas.dab({ slice: 0, row: 2, column: 2, rows: 2, columns: 2 }, 1, (voxel) => voxel % 2 === 0);
    canvas.end();
    expect(canvas.labels[12]).toBe(1);
    expect(canvas.labels[13]).toBe(0);
  });
  it("takes strokes back and does them again, also where they overlap", () => {
    const canvas = new Canvas(new Uint8Array(25), [1, 5, 5]);
    const paintAt = (label: number, column: number) => {
      canvas.begin();
      canvas.dab({ slice: 0, row: 2, column, rows: 1, columns: 1 }, label, all);
      canvas.end();
    };
    paintAt(1, 2);
    const first = [...canvas.labels];
    paintAt(2, 3);
    const second = [...canvas.labels];
    canvas.undo();
    expect([...canvas.labels]).toEqual(first);
    canvas.redo();
    expect([...canvas.labels]).toEqual(second);
    canvas.undo();
    canvas.undo();
    expect(canvas.canUndo).toBe(false);
    expect(canvas.labels.every((label) => label === 0)).toBe(true);
  });
});
