/** Collecting and batching files. Knows no page. */

export interface Chosen {
  file: File;
  /** Path below the dropped folder, for people. */
  name: string;
}

const BATCH_FILES = 40;
const BATCH_BYTES = 24 * 1024 * 1024;

/** Split files into requests that are neither too many files nor too many bytes. */
export function batches<T extends { file: { size: number } }>(files: readonly T[]): T[][] {
  const result: T[][] = [];
  let bytes = 0;
  for (const item of files) {
    const last = result.at(-1);
    if (last === undefined || last.length >= BATCH_FILES || bytes + item.file.size > BATCH_BYTES) {
      result.push([item]);
      bytes = item.file.size;
    } else {
      last.push(item);
      bytes += item.file.size;
    }
  }
  return result;
}

/** Files that carry neither patient nor time, so that the page must ask. */
export function needsClaims(name: string): boolean {
  return /\.(nii|nii\.gz|mha)$/i.test(name);
}

/** Whether a file is one that operating systems strew into folders. */
export function isClutter(name: string): boolean {
  const base = name.split("/").at(-1) ?? "";
  return base.startsWith(".") || base === "Thumbs.db" || base === "desktop.ini";
}

/** Everything in a drop, folders included. */
export async function filesOfDrop(items: DataTransferItemList): Promise<Chosen[]> {
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const found = await Promise.all(entries.map(filesBelow));
  return found.flat().filter((chosen) => !isClutter(chosen.name));
}

async function filesBelow(entry: FileSystemEntry): Promise<Chosen[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail));
    return [{ file, name: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const children: FileSystemEntry[] = [];
  // A reader hands out a hundred entries at a time, and none when it is done.
  for (;;) {
    const more = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (more.length === 0) break;
    children.push(...more);
  }
  return (await Promise.all(children.map(filesBelow))).flat();
}

/** SHA-256 of a file in hexadecimal, as the server names contents. */
export async function sha256(file: Blob): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
