/** Sending files so that a broken connection costs only what was in flight. */

import { backOff } from "../shared/jobs";
import { ApiError, api, csrfToken } from "../shared/page";
import { batches, type Chosen, sha256 } from "./files";
import { gettext } from "../shared/words";

const ATTEMPTS = 8;
const PARALLEL = 2;
/** Larger files are not hashed in the browser, only sent. */
const HASH_UP_TO_BYTES = 64 * 1024 * 1024;

export interface Refused {
  name: string;
  reason: string;
}

export interface Progress {
  sentBytes: number;
  totalBytes: number;
  sentFiles: number;
  totalFiles: number;
  waiting: boolean;
}

interface Answer {
  files: { name: string; status: "stored" | "duplicate" | "refused"; reason: string }[];
}

/** One upload: its files go out in batches; what arrived before a break is not sent again. */
export class Sender {
  readonly refused: Refused[] = [];
  private readonly progress: Progress;

  constructor(
    private readonly upload: string,
    private readonly files: readonly Chosen[],
    private readonly report: (progress: Progress) => void,
  ) {
    const totalBytes = files.reduce((sum, { file }) => sum + file.size, 0);
    this.progress = { sentBytes: 0, totalBytes, sentFiles: 0, totalFiles: files.length, waiting: false };
  }

  async send(): Promise<void> {
    const queue = batches(this.files);
    const lane = async () => {
      for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) await this.sendBatch(batch);
    };
    await Promise.all(Array.from({ length: PARALLEL }, lane));
  }

  private async sendBatch(batch: Chosen[]): Promise<void> {
    let rest = batch;
    for (let attempt = 0; rest.length > 0; attempt++) {
      let inFlight = 0;
      try {
        const answer = await this.post(rest, (bytes) => {
          this.progress.sentBytes += bytes - inFlight;
          inFlight = bytes;
          this.tell(false);
        });
        this.refused.push(...answer.files.filter((file) => file.status === "refused"));
        this.progress.sentFiles += rest.length;
        this.tell(false);
        return;
      } catch (error) {
        this.progress.sentBytes -= inFlight;
        if (error instanceof ApiError && error.status < 500) throw error;
        if (attempt + 1 >= ATTEMPTS) throw error;
        this.tell(true);
        await new Promise((wake) => setTimeout(wake, backOff(attempt)));
        rest = await this.missing(rest);
      }
    }
  }

  /** Of these files, the ones the server does not hold yet. */
  private async missing(files: Chosen[]): Promise<Chosen[]> {
    try {
      const { files: held } = await api<{ files: { sha256: string }[] }>(`/api/v1/uploads/${this.upload}/`);
      const known = new Set(held.map((file) => file.sha256));
      const absent = await Promise.all(
        files.map(async ({ file }) => file.size > HASH_UP_TO_BYTES || !known.has(await sha256(file))),
      );
      const rest = files.filter((_, i) => absent[i]);
      const arrived = files.filter((_, i) => !absent[i]);
      this.progress.sentFiles += arrived.length;
      this.progress.sentBytes += arrived.reduce((sum, { file }) => sum + file.size, 0);
      return rest;
    } catch {
      return files;
    }
  }

  /** XMLHttpRequest because fetch tells nothing about bytes that have gone out. */
  private post(batch: Chosen[], sent: (bytes: number) => void): Promise<Answer> {
    const form = new FormData();
    for (const { file, name } of batch) form.append("file", file, name.replaceAll("/", "_"));
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", `/api/v1/uploads/${this.upload}/files/`);
      request.setRequestHeader("X-CSRFToken", csrfToken());
      request.responseType = "json";
      const size = batch.reduce((sum, { file }) => sum + file.size, 0);
      request.upload.onprogress = (event) => sent(event.total ? (event.loaded / event.total) * size : 0);
      request.onload = () => {
        if (request.status === 200) resolve(request.response as Answer);
        else
          reject(
            new ApiError(
              request.status,
              gettext("The server answered {status} to a batch of files.", { status: request.status }),
            ),
          );
      };
      request.onerror = () => reject(new Error(gettext("The connection broke.")));
      request.send(form);
    });
  }

  private tell(waiting: boolean): void {
    this.progress.waiting = waiting;
    this.report({ ...this.progress });
  }
}
