import { describe, expect, it } from "vitest";
import { clock, duration, megabytes, percent, shorten, timeTicks } from "../src/lib/format";
import { labelKeys } from "../src/lib/labelkeys";
import { roundTicks } from "../src/lib/ticks";

describe("numbers as people read them", () => {
  it.each([
    [0, "0:00"],
    [65.4, "1:05"],
    [3599.6, "1:00:00"],
    [3 * 3600 + 62, "3:01:02"],
    [-1, "0:00"],
  ])("%d seconds are %s", (seconds, text) => expect(clock(seconds)).toBe(text));

  it.each([
    [0, "0 %"],
    [0.001, "< 1 %"],
    [0.005, "1 %"],
    [0.81, "81 %"],
    [0.9951, "> 99 %"],
    [1, "100 %"],
  ])("a share of %d is %s", (share, text) =>
    expect(percent(share).replaceAll("\u00a0", " ")).toBe(text));

  it.each([
    [999, "999 B"],
    [240_503, "241 kB"],
    [4_200_000, "4.2 MB"],
    [200_000_000, "200 MB"],
    [1_500_000_000, "1.5 GB"],
  ])("%d bytes are %s", (bytes, text) =>
    expect(megabytes(bytes).replaceAll("\u00a0", " ")).toBe(text));

  it("tells lengths in whole units", () => {
    expect(duration(4 * 3600)).toBe("4\u00a0hours");
    expect(duration(5400)).toBe("90\u00a0minutes");
    expect(duration(60)).toBe("1\u00a0minute");
  });

  it("keeps both ends of a long name, whatever it is written in", () => {
    const short = shorten("песня".repeat(50) + ".mp3", 20);
    expect([...short]).toHaveLength(20);
    expect(short.endsWith(".mp3")).toBe(true);
    expect(shorten("a.mp3", 20)).toBe("a.mp3");
    expect(shorten("🎷".repeat(30), 9)).toBe("🎷".repeat(4) + "…" + "🎷".repeat(4));
  });
});

describe("marks", () => {
  it("of time lie at round distances and away from the end", () => {
    expect(timeTicks(26, 10, 0.06)).toEqual([0, 5, 10, 15, 20]);
    expect(timeTicks(26, 5, 0.25)).toEqual([0, 10]);
    expect(timeTicks(3 * 3600, 10, 0.06)).toEqual([0, 1800, 3600, 5400, 7200, 9000]);
    expect(timeTicks(0, 10, 0.06)).toEqual([]);
  });

  it("of an axis are round and hold all values", () => {
    expect(roundTicks(0.72, 1, 5)).toEqual([0.7, 0.8, 0.9, 1]);
    expect(roundTicks(0.4, 1.95, 5)).toEqual([0, 0.5, 1, 1.5, 2]);
    expect(roundTicks(1, 16)).toEqual([0, 5, 10, 15, 20]);
  });

  it("for labels leave out the keys that do something else", () => {
    const keys = labelKeys(Array<string>(40).fill("x"));
    expect(keys.slice(0, 11)).toEqual([..."1234567890q"]);
    expect(new Set(keys.filter(Boolean)).size).toBe(keys.filter(Boolean).length);
    for (const taken of "sund") expect(keys).not.toContain(taken);
  });
});
