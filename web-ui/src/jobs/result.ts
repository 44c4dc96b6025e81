/** What belongs to a result beside the answer: its picture and its sound. */

import { Problem, getJson, send } from "../api/http";
import { isFinal, type Picture, type State } from "../api/types";
import { jobs, type Job } from "./jobs";
import { keep, keepPicture, keptPicture } from "./keep";

/** The picture, kept from before or asked for; null where the server has none any more. */
export async function pictureOf(job: Job): Promise<Picture | null> {
  const known = keptPicture(job.id);
  if (known) return known;
  try {
    const found = await getJson<Picture>(`/classifications/${job.id}/picture`);
    keepPicture(job.id, found);
    return found;
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}

/** The sound itself: the user's file, which never comes back from the server, or a sample. */
export async function soundOf(job: Job): Promise<Blob | null> {
  if (job.source?.kind === "file") return job.source.file;
  if (job.source?.kind !== "sample") return null;
  return (await send(`/samples/${encodeURIComponent(job.source.sample.file)}`)).blob();
}

/** Take in a result that only the server knows; whether it does. */
export async function fetchResult(id: string): Promise<boolean> {
  let state: State;
  try {
    state = await getJson<State>(`/classifications/${encodeURIComponent(id)}`);
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
  if (!isFinal(state) || state.status === "cancelled" || state.status === "failed") return false;
  const common = { id, name: state.path, size: 0, answer: state };
  jobs.push({
    ...common,
    ...{ key: id, model: state.model, source: null, phase: "done", share: null },
    ...{ was: [], position: null, error: "" },
  });
  keep({ ...common, sample: null });
  return true;
}

