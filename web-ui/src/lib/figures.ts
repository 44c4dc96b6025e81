/** What is read off a report's figures. */

import type { Figures, Level, Report } from "../api/types";

export const LEVELS: Level[] = ["track", "clip", "window"];

/** Figures of the test; of the validation where no music was held out for one. */
export function measured(report: Report): Partial<Record<Level, Figures>> {
  const { test, validation } = report;
  return (test && Object.keys(test).length ? test : validation) ?? {};
}

/** Levels that a report has, without those that only repeat the one above. */
export function levelsOf(report: Report): Level[] {
  const seen = new Set<string>();
  return LEVELS.filter((level) => {
    const figures = measured(report)[level];
    const key = `${figures?.n} ${figures?.accuracy}`;
    if (!figures || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

export interface Confusion {
  truth: number;
  answer: number;
  count: number;
  /** Of all that truly are of this genre. */
  share: number;
}

export function rowSum(matrix: number[][], row: number): number {
  return (matrix[row] ?? []).reduce((sum, count) => sum + count, 0);
}

export function confusionAt(matrix: number[][], truth: number, answer: number): Confusion {
  const count = matrix[truth]?.[answer] ?? 0;
  return { truth, answer, count, share: count / (rowSum(matrix, truth) || 1) };
}

/** What is taken for what, most often first. */
export function confusions(matrix: number[][], most: number): Confusion[] {
  const found: Confusion[] = [];
  matrix.forEach((row, truth) =>
    row.forEach((count, answer) => {
      if (count && truth !== answer) found.push(confusionAt(matrix, truth, answer));
    }),
  );
  return found.sort((a, b) => b.count - a.count || b.share - a.share).slice(0, most);
}

/** Labels in the order of a report's matrix. */
export function labelsOf(report: Report, figures: Figures | undefined): string[] {
  return report.data?.labels ?? Object.keys(figures?.per_label ?? {});
}

export interface Series {
  name: string;
  points: [number, number][];
}

/** Learning curves: accuracy by epoch where it was noted, else the loss. */
export function curves(history: Record<string, number>[]): { accuracy: boolean; series: Series[] } {
  const accuracy = history.some((row) => "valid_accuracy" in row);
  const key = accuracy ? "accuracy" : "loss";
  const series = ["train", "valid"].map((name) => ({
    name,
    points: history.flatMap((row, i): [number, number][] => {
      const value = row[`${name}_${key}`];
      return typeof value === "number" ? [[row["epoch"] ?? i + 1, value]] : [];
    }),
  }));
  return { accuracy, series: series.filter((one) => one.points.length > 1) };
}
