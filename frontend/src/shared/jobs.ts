/** Live news of jobs over the WebSocket, with reconnection. */

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
  reading: "Reading slices",
  lungs: "Finding the lungs",
  lobes: "Dividing lobes",
  infection: "Finding infection",
  measuring: "Measuring",
  writing: "Storing the result",
  registering: "Matching anatomy",
};

/** A job's state in words. */
export function jobText(job: Job): string {
  if (job.state === "running") return `${STAGES[job.stage] ?? "Starting"} · ${job.percent} %`;
  return { queued: "Waiting for a worker", succeeded: "Done", failed: "Failed", cancelled: "Cancelled" }[
    job.state
  ];
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
