/** What the server says, as the API's document describes it. */

export interface Span {
  start: number;
  stop: number;
  genre: string | null;
  confidence: number;
}

export interface Neighbour {
  track: string;
  genre: string;
  similarity: number;
}

/** The object of `classify --jsonl`. */
export interface Answer {
  id?: string;
  path: string;
  status: "ok" | "partial" | "failed";
  genre: string | null;
  confidence: number;
  probabilities: Record<string, number>;
  seconds: number;
  elapsed: number;
  model: string;
  /** All that it bears, best first; several of some models. */
  genres?: string[];
  runner_up?: string | null;
  reason?: string;
  heard?: number;
  stated?: number | null;
  lost?: number;
  distance?: number;
  deciding?: Span[];
  nearest?: Neighbour[];
  timeline?: Span[];
  error?: string;
  cause?: string;
}

export interface Waiting {
  id: string;
  status: "queued" | "running";
  position?: number | null;
  progress?: number | null;
}

export interface Cancelled {
  id: string;
  status: "cancelled";
}

export type State = Answer | Waiting | Cancelled;

export interface Picture {
  seconds: number;
  peaks: [number, number][];
  mel: { png: string; seconds?: number; fmin?: number; fmax?: number } | null;
}

export interface Settings {
  max_bytes: number | null;
  max_seconds: number | null;
  url_allowed: boolean;
  token_needed: boolean;
  library: boolean;
  labelling: boolean;
  default_model: string;
}

export interface Sample {
  file: string;
  genre: string;
  title: string;
  made: string;
  licence: string;
}

export interface LabelFigures {
  precision: number | null;
  recall: number | null;
  f1: number | null;
  n: number;
}

export interface Figures {
  accuracy: number;
  interval: [number, number];
  n: number;
  macro_f1?: number;
  weighted_f1?: number;
  ece?: number;
  answered?: number;
  right_when_answered?: number;
  absent?: string[];
  per_label?: Record<string, LabelFigures>;
  confusion?: number[][];
}

export type Level = "track" | "clip" | "window";

export interface Metrics {
  protocol?: string;
  part?: string;
  track?: Figures;
  clip?: Figures;
  window?: Figures;
  out_of_fold?: Figures;
  /** Of a model that gives several genres at once. */
  tags?: { tags: number; auc: number; average_precision: number; f1: number };
}

export interface Model {
  name: string;
  labels: string[];
  names?: Record<string, string>;
  bytes: number;
  licence: string;
  metrics: Metrics | null;
  available: boolean;
  needs?: string[];
  error?: string;
}

export interface Published {
  figure: string;
  value: number;
  unit: string;
  n?: number;
  protocol?: string;
  source?: string;
}

export interface Mistake {
  track: string;
  truth: string;
  answer: string;
  confidence: number;
}

export interface TradeOff {
  confidence: number;
  answered: number;
  right_when_answered: number;
}

export interface Report {
  title?: string;
  protocol?: string;
  data?: { name?: string; labels?: string[]; tracks?: number; groups?: number };
  split?: { rule?: string };
  test?: Partial<Record<Level, Figures>>;
  validation?: Partial<Record<Level, Figures>>;
  unknown?: { min_confidence?: number; table?: TradeOff[] };
  history?: Record<string, Record<string, number>[]>;
  published?: Partial<Published>;
  mistakes?: Mistake[];
}

export interface ModelDetail extends Model {
  card: string;
  report: Report | null;
}

export interface ReviewItem {
  id: number | string;
  name: string;
  folder: string;
  genre: string | null;
  confidence: number;
  runner_up: string | null;
  reason: string;
  proposed: string[];
  current: string[];
  deciding?: Span[];
  seconds?: number;
}

export interface ReviewQueue {
  left: number;
  answered: number;
  can_undo: boolean;
  choices: string[];
  items: ReviewItem[];
}

/** A song of the library that sounds alike. */
export interface Alike {
  id: number;
  name: string;
  artist: string;
  title: string;
  genre: string;
  similarity: number;
  seconds: number;
}

export interface Training {
  status: "running" | "done" | "failed";
  progress?: number | null;
  message?: string;
  accuracy?: number;
  interval?: [number, number];
  n?: number;
  model?: string;
}

export interface Labelling {
  folder: string;
  labels: string[];
  total: number;
  labelled: number;
  skipped: number;
  can_undo: boolean;
  counts: Record<string, number>;
  cut: { done: number; total: number } | null;
  unread: number;
  problem: string;
  exported: string | null;
  training: Training | null;
}

export interface Clip {
  n: number;
  name: string;
  start: number;
  stop: number;
  label: string | null;
  skipped: boolean;
}

export interface Exported {
  folder: string;
  clips: number;
  labels: Record<string, number>;
  message: string;
}

/** Whether an answer is final: nothing more comes of it. */
export function isFinal(state: State): state is Answer | Cancelled {
  return state.status !== "queued" && state.status !== "running";
}
