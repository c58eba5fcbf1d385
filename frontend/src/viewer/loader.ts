/** Feeds Cornerstone with slices of ours: raw int16 Hounsfield units, one request a slice. */

import { cache, imageLoader, metaData, type Types, utilities } from "@cornerstonejs/core";
import { type Grid, pointOf } from "./geometry";

const SCHEME = "lungtrend";

/** Each series has a scheme of its own, so that two can be shown side by side. */
function schemeOf(series: Series): string {
  return `${SCHEME}-${series.scan}`;
}
/** Browser memory for decoded slices, bytes: a scan of 1000 slices of 512 x 512. */
const CACHE_BYTES = 600 * 1024 * 1024;
const AT_ONCE = 4;

export interface Series {
  scan: string;
  framesUrl: string;
  grid: Grid;
}

/** Cornerstone's name of one slice of the volume. */
export function imageIdOf(series: Series, index: number): string {
  return `${schemeOf(series)}:${series.framesUrl}${index}/`;
}

/** Teach Cornerstone to load and place the slices of a series. */
export function registerSeries(series: Series): void {
  cache.setMaxCacheSize(CACHE_BYTES);
  imageLoader.registerImageLoader(schemeOf(series), (imageId: string) => {
    const abort = new AbortController();
    return { promise: load(series, imageId, abort.signal), cancelFn: () => abort.abort() };
  });
  metaData.addProvider((type: string, imageId: string) => describe(series, type, imageId), 1000);
}

async function load(series: Series, imageId: string, signal: AbortSignal): Promise<Types.IImage> {
  const url = imageId.slice(schemeOf(series).length + 1);
  const response = await fetch(url, { credentials: "same-origin", signal });
  if (!response.ok) throw new Error(`slice could not be loaded (${response.status})`);
  const pixels = new Int16Array(await response.arrayBuffer());
  const [, rows, columns] = series.grid.shape_zyx;
  const [, rowMm, columnMm] = series.grid.spacing_zyx_mm;
  const voxelManager = utilities.VoxelManager.createImageVoxelManager({
    width: columns,
    height: rows,
    scalarData: pixels,
    numberOfComponents: 1,
  });
  return {
    imageId,
    minPixelValue: -1024,
    maxPixelValue: 3071,
    slope: 1,
    intercept: 0,
    windowCenter: -600,
    windowWidth: 1500,
    getPixelData: () => pixels,
    getCanvas: () => document.createElement("canvas"),
    rows,
    columns,
    height: rows,
    width: columns,
    color: false,
    rgba: false,
    numberOfComponents: 1,
    columnPixelSpacing: columnMm,
    rowPixelSpacing: rowMm,
    invert: false,
    sizeInBytes: pixels.byteLength,
    dataType: "Int16Array",
    voxelManager,
  } as unknown as Types.IImage;
}

function describe(series: Series, type: string, imageId: string): unknown {
  if (!imageId.startsWith(`${schemeOf(series)}:`)) return undefined;
  const index = Number(imageId.split("/").at(-2));
  const [, rows, columns] = series.grid.shape_zyx;
  const [stepMm, rowMm, columnMm] = series.grid.spacing_zyx_mm;
  const [, down, along] = series.grid.axes_zyx_lps;
  switch (type) {
    case "imagePlaneModule":
      return {
        frameOfReferenceUID: series.scan,
        rows,
        columns,
        imageOrientationPatient: [...along, ...down],
        rowCosines: along,
        columnCosines: down,
        imagePositionPatient: pointOf(series.grid, [index, 0, 0]),
        sliceThickness: stepMm,
        pixelSpacing: [rowMm, columnMm],
        rowPixelSpacing: rowMm,
        columnPixelSpacing: columnMm,
        usingDefaultValues: false,
      };
    case "imagePixelModule":
      return {
        samplesPerPixel: 1,
        photometricInterpretation: "MONOCHROME2",
        rows,
        columns,
        bitsAllocated: 16,
        bitsStored: 16,
        highBit: 15,
        pixelRepresentation: 1,
      };
    case "modalityLutModule":
      return { rescaleSlope: 1, rescaleIntercept: 0 };
    case "voiLutModule":
      return { windowCenter: [-600], windowWidth: [1500] };
    case "generalSeriesModule":
      return { modality: "CT", seriesInstanceUID: series.scan };
    default:
      return undefined;
  }
}

/** Fetches slices in the background, those nearest to the shown one first. */
export class Prefetcher {
  private waiting: number[] = [];
  private flying = 0;
  private readonly loaded = new Set<number>();

  constructor(
    private readonly imageIds: readonly string[],
    private readonly onProgress: (loaded: number) => void,
  ) {}

  /** Fetch in this order from now on. */
  follow(order: readonly number[]): void {
    this.waiting = order.filter((index) => !this.loaded.has(index));
    this.pump();
  }

  private pump(): void {
    while (this.flying < AT_ONCE) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      const imageId = this.imageIds[next];
      if (imageId === undefined || this.loaded.has(next)) continue;
      this.flying++;
      imageLoader
        .loadAndCacheImage(imageId)
        .then(() => {
          this.loaded.add(next);
          this.onProgress(this.loaded.size);
        })
        .catch(() => {
          // A slice that failed is asked for again when somebody scrolls there.
        })
        .finally(() => {
          this.flying--;
          this.pump();
        });
    }
  }
}
