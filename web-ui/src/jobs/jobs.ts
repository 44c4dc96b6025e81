/** What is being classified and what has been, in this session. */

import { computed, reactive } from "vue";
import { classify, drop, type Source } from "../api/classify";
import { Problem } from "../api/http";
import { site } from "../api/site";
import type { Answer, State } from "../api/types";
import { megabytes } from "../lib/format";
import { texts } from "../texts";
import { forget, keep, kept } from "./keep";

export type Phase =
  "waiting" | "uploading" | "queued" | "running" | "done" | "failed" | "cancelled";

export interface Job {
  /** Its name on this page before the server gives it one. */
  key: string;
  id: string;
  /** The server's earlier names for it: it was given once more to one that had forgotten it. */
  was: string[];
  name: string;
  size: number;
  model: string;
  source: Source | null;
  phase: Phase;
  /** How far its phase is, 0 to 1; null where nobody knows. */
  share: number | null;
  position: number | null;
  answer: Answer | null;
  error: string;
}

/** Files on their way to the server or in it; more would only wait there instead of here. */
const AT_ONCE = 3;

export const jobs = reactive<Job[]>([]);

export const busyJobs = computed(() => jobs.filter((job) => !isOver(job)));

const stops = new Map<string, AbortController>();
let count = 0;

export function isOver(job: Job): boolean {
  return job.phase === "done" || job.phase === "failed" || job.phase === "cancelled";
}

export function find(id: string): Job | undefined {
  return jobs.find((job) => job.id === id || job.key === id || job.was.includes(id));
}

function nameOf(source: Source): string {
  if (source.kind === "file") return source.file.name;
  return source.kind === "sample" ? source.sample.title : source.url;
}

/** Take sources in; the newest stand first. */
export function add(sources: Source[], model: string): Job[] {
  const added = sources.map((source) => {
    const job = reactive<Job>({
      key: `new-${++count}`,
      id: "",
      was: [],
      name: nameOf(source),
      size: source.kind === "file" ? source.file.size : 0,
      model,
      source,
      phase: "waiting",
      share: null,
      position: null,
      answer: null,
      error: "",
    });
    const most = site.settings?.max_bytes;
    if (most && job.size > most) fail(job, texts.errors.tooLarge(megabytes(job.size), megabytes(most)));
    if (source.kind === "file" && job.size === 0) fail(job, texts.errors.empty);
    return job;
  });
  jobs.unshift(...added);
  next();
  return added;
}

function next(): void {
  const free = AT_ONCE - stops.size;
  const due = jobs.filter((job) => job.phase === "waiting" && !stops.has(job.key));
  for (const job of due.slice(0, Math.max(0, free))) void run(job);
}

function fail(job: Job, error: string): void {
  job.phase = "failed";
  job.error = error;
}

function told(job: Job, state: State): void {
  if (state.status !== "queued" && state.status !== "running") return;
  job.phase = state.status;
  job.position = state.position ?? null;
  job.share = state.progress ?? null;
}

async function run(job: Job): Promise<void> {
  if (!job.source) return;
  const stop = new AbortController();
  stops.set(job.key, stop);
  job.phase = "uploading";
  try {
    const wish = { model: job.model, timeline: true, picture: true };
    const hooks = {
      uploading: (share: number) => Object.assign(job, { phase: "uploading", share }),
      accepted: (id: string) => {
        if (job.id) job.was.push(job.id);
        Object.assign(job, { id, phase: "queued", share: null });
      },
      state: (state: State) => told(job, state),
    };
    settle(job, await classify(job.source, wish, hooks, stop.signal));
  } catch (error) {
    if (stop.signal.aborted) job.phase = "cancelled";
    else fail(job, error instanceof Problem ? error.message : texts.errors.unexpected);
  } finally {
    stops.delete(job.key);
    next();
  }
}

function settle(job: Job, state: Answer | { status: "cancelled" }): void {
  if (state.status === "cancelled") {
    job.phase = "cancelled";
  } else if (state.status === "failed") {
    fail(job, state.error ?? texts.errors.unexpected);
  } else {
    job.answer = state;
    job.phase = "done";
    const sample = job.source?.kind === "sample" ? job.source.sample : null;
    keep({ id: job.id, name: job.name, size: job.size, answer: state, sample });
  }
}

export function cancel(job: Job): void {
  stops.get(job.key)?.abort();
  if (job.phase === "waiting") job.phase = "cancelled";
}

export function again(job: Job): void {
  if (!job.source || !isOver(job)) return;
  Object.assign(job, { phase: "waiting", error: "", share: null, position: null });
  next();
}

/** Take a job off the list; the server forgets it too. */
export function remove(job: Job): void {
  cancel(job);
  jobs.splice(jobs.indexOf(job), 1);
  if (!job.id) return;
  forget(job.id);
  drop(job.id);
}

/** Bring back what this session had answered before the page was loaded again. */
export function restore(): void {
  for (const { id, name, size, answer, sample } of kept()) {
    if (find(id)) continue;
    const source: Source | null = sample ? { kind: "sample", sample } : null;
    jobs.push({
      ...{ key: id, id, was: [], name, size, model: answer.model, source, answer },
      ...{ phase: "done", share: null, position: null, error: "" },
    });
  }
}
