/** How far a job is, for a bar and in words. */

import { texts } from "../texts";
import type { Job } from "./jobs";

/** Of the bar: 0 to 1, undefined where nobody knows. */
export function shareOf(job: Job): number | undefined {
  if (job.phase === "waiting") return 0;
  if (job.phase === "queued") return undefined;
  return job.share ?? undefined;
}

export function stateText(job: Job): string {
  if (job.phase === "failed") return job.error;
  if (job.phase === "queued") return texts.jobs.queued(job.position ?? 0);
  return texts.jobs.phases[job.phase] ?? "";
}
