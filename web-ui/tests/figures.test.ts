import { describe, expect, it } from "vitest";
import type { Figures, Report } from "../src/api/types";
import { confusionAt, confusions, curves, levelsOf } from "../src/lib/figures";

const figures = (accuracy: number, n: number): Figures => ({ accuracy, n, interval: [0, 1] });
const MATRIX = [
  [8, 2, 0],
  [1, 3, 0],
  [0, 0, 0],
];

describe("a matrix", () => {
  it("counts a cell as a share of what truly is of its row", () => {
    expect(confusionAt(MATRIX, 0, 1)).toEqual({ truth: 0, answer: 1, count: 2, share: 0.2 });
    expect(confusionAt(MATRIX, 2, 0).share).toBe(0);
  });

  it("tells what is confused most, without what is right", () => {
    expect(confusions(MATRIX, 5).map(({ truth, answer }) => [truth, answer])).toEqual([
      [0, 1],
      [1, 0],
    ]);
  });
});

describe("a report", () => {
  it("leaves out levels that only repeat the one above", () => {
    const test = { track: figures(0.8, 10), clip: figures(0.8, 10), window: figures(0.7, 50) };
    expect(levelsOf({ test } as Report)).toEqual(["track", "window"]);
    expect(levelsOf({})).toEqual([]);
  });

  it("draws accuracies where they were noted and losses where not", () => {
    const rows = [
      { epoch: 1, train_loss: 2, valid_loss: 3 },
      { epoch: 2, train_loss: 1, valid_loss: 2 },
    ];
    expect(curves(rows)).toEqual({
      accuracy: false,
      series: [
        { name: "train", points: [[1, 2], [2, 1]] },
        { name: "valid", points: [[1, 3], [2, 2]] },
      ],
    });
    const [first] = curves(rows.map((row) => ({ ...row, valid_accuracy: 0.5 }))).series;
    expect(first?.points).toEqual([[1, 0.5], [2, 0.5]]);
  });
});
