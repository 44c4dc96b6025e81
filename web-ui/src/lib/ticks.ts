/** Round marks for an axis. */

/** Multiples of 1, 2, 2.5 or 5 times a power of ten from below `low` to above `high`. */
export function roundTicks(low: number, high: number, most = 6): number[] {
  const rough = (high - low || 1) / (most - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
