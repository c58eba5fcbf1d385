/** Label maps as the server stores them: gzip-compressed NIfTI-1, uint8, x fastest. */

import type { Unpacked } from "./unpack";
import Unpacker from "./unpack?worker&inline";

const OFFSET_AT = 108;
const TYPE_AT = 70;
const UINT8 = 2;

/** A label map and the file it lies in: `labels` is a view into `file`, so changing one changes the other. */
export interface LabelFile {
  file: ArrayBuffer;
  labels: Uint8Array;
}

/** The voxels of an unpacked NIfTI file, z, y, x; throws when it is not a uint8 map of `voxels` values. */
export function labelsOf(file: ArrayBuffer, voxels: number): Uint8Array {
  const header = new DataView(file);
  if (file.byteLength < 352 || header.getInt16(TYPE_AT, true) !== UINT8) throw new Error("not a label map");
  const start = header.getFloat32(OFFSET_AT, true);
  if (file.byteLength - start < voxels) throw new Error("the label map is cut off");
  return new Uint8Array(file, start, voxels);
}

/** Fetch and unpack a label map. */
export async function fetchLabels(url: string, voxels: number): Promise<Uint8Array> {
  return (await fetchLabelFile(url, voxels)).labels;
}

/** Fetch and unpack a label map, with the file around it. */
export async function fetchLabelFile(url: string, voxels: number): Promise<LabelFile> {
  const worker = new Unpacker();
  try {
    const answer = await new Promise<Unpacked>((done, fail) => {
      worker.onmessage = (event: MessageEvent<Unpacked>) => done(event.data);
      worker.onerror = (event) => fail(new Error(event.message || "the mask could not be unpacked"));
      // The thread has no address of its own that a relative one could begin from.
      worker.postMessage(new URL(url, location.href).href);
    });
    if ("error" in answer) throw new Error(answer.error);
    return { file: answer.file, labels: labelsOf(answer.file, voxels) };
  } finally {
    worker.terminate();
  }
}

/** The file as it is sent: compressed again. */
export async function packed(content: LabelFile): Promise<Blob> {
  const stream = new Blob([content.file]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(stream).blob();
}
