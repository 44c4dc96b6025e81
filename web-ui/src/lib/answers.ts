/** What is read off an answer: ranking, spans by genre, tables. */

import type { Answer, Span } from "../api/types";

/** Labels and probabilities, the most probable first. */
export function ranking(answer: Answer): [string, number][] {
  return Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
}

/** The genres that an answer calls its own, best first; none of an "unknown". */
export function genresOf(answer: Answer): string[] {
  if (!answer.genre) return [];
  return answer.genres?.length ? answer.genres : [answer.genre];
}

/** The best genre that is not among the answer's own. */
export function runnerUp(answer: Answer): [string, number] | undefined {
  const own = genresOf(answer);
  return ranking(answer).find(([label]) => !own.includes(label));
}

/** Neighbouring spans of one genre as one, its confidence weighted by seconds. */
export function merged(spans: Span[]): Span[] {
  const out: Span[] = [];
  for (const span of spans) {
    const last = out.at(-1);
    if (last && last.genre === span.genre && span.start - last.stop < 0.01) {
      const had = last.stop - last.start;
      const more = span.stop - span.start;
      last.confidence = (last.confidence * had + span.confidence * more) / (had + more || 1);
      last.stop = span.stop;
    } else {
      out.push({ ...span });
    }
  }
  return out;
}

export interface Lane {
  genre: string | null;
  seconds: number;
  spans: Span[];
}

/** The timeline as a lane for each genre, the longest first; `most` lanes at the most. */
export function lanes(spans: Span[], most: number): Lane[] {
  const found = new Map<string | null, Lane>();
  for (const span of spans) {
    const lane = found.get(span.genre) ?? { genre: span.genre, seconds: 0, spans: [] };
    lane.seconds += span.stop - span.start;
    lane.spans.push(span);
    found.set(span.genre, lane);
  }
  return [...found.values()].sort((a, b) => b.seconds - a.seconds).slice(0, most);
}

/** The span that holds a moment. */
export function spanAt(spans: Span[], time: number): Span | undefined {
  return spans.find((span) => time >= span.start && time < span.stop);
}

function cell(value: unknown): string {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Answers as the command line's CSV, all labels in pairs of columns. */
export function csv(answers: Answer[]): string {
  const first = [
    ...["path", "status", "genre", "confidence", "seconds", "elapsed", "model"],
    ...["reason", "lost", "error"],
  ] as const;
  const most = Math.max(0, ...answers.map((one) => Object.keys(one.probabilities).length));
  const pairs = Array.from({ length: most }, (_, i) => [`label_${i + 1}`, `p_${i + 1}`]).flat();
  const rows = answers.map((one) => {
    const found = one as unknown as Record<string, unknown>;
    return [...first.map((key) => found[key]), ...ranking(one).flat()];
  });
  return [[...first, ...pairs], ...rows].map((row) => row.map(cell).join(",") + "\n").join("");
}
