/** Live news of jobs over the WebSocket, with reconnection. */

import { gettext } from "./words";

export interface Job {
  id: string;
  scan: string;
  patient: string;
  /** Set for jobs that lay this earlier scan onto `scan`. */
  prior: string | null;
  pipeline: string;
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  stage: string;
  percent: number;
  attempts: number;
  error: string;
}

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;

/** Milliseconds before the next attempt to connect. */
export function backOff(failures: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);
}

/** Whether a job still owes a result. */
export function isOpen(job: Pick<Job, "state">): boolean {
  return job.state === "queued" || job.state === "running";
}

const STAGES: Record<string, string> = {
  reading: gettext("Reading slices"),
  lungs: gettext("Finding the lungs"),
  lobes: gettext("Dividing lobes"),
  infection: gettext("Finding infection"),
  measuring: gettext("Measuring"),
  writing: gettext("Storing the result"),
  registering: gettext("Matching anatomy"),
};

/** A job's state in words. */
export function jobText(job: Job): string {
  if (job.state === "running") return `${STAGES[job.stage] ?? gettext("Starting")} · ${job.percent} %`;
  return {
    queued: gettext("Waiting for a worker"),
    succeeded: gettext("Done"),
    failed: gettext("Failed"),
    cancelled: gettext("Cancelled"),
  }[job.state];
}

/** Calls `hear` with every change of a visible job; `reconnected` after each connection but the first. */
export function followJobs(hear: (job: Job) => void, reconnected: () => void = () => {}): void {
  let failures = 0;
  let connections = 0;
  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/jobs/`);
    socket.onopen = () => {
      failures = 0;
      if (connections++ > 0) reconnected();
    };
    socket.onmessage = (message) => {
      const news = JSON.parse(String(message.data)) as { type: string; job: Job };
      if (news.type === "job" && !news.job.prior) hear(news.job);
    };
    socket.onclose = (closed) => {
      // Without login there is nothing to hear; the next page load asks for it.
      if (closed.code === 4401) return;
      setTimeout(connect, backOff(failures++));
    };
  };
  connect();
}
