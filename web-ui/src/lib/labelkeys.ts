/** A key for each label. */

/** Keys that already do something: skip, undo, new label, deciding seconds. */
const TAKEN = new Set(["s", "u", "n", "d"]);

/** 1 to 9 and 0 for the first ten labels, then letters that are free; "" where none is. */
export function labelKeys(labels: readonly string[]): string[] {
  const free = [..."1234567890", ..."qwertyiopafghjklzxcvbm"].filter((key) => !TAKEN.has(key));
  return labels.map((_, i) => free[i] ?? "");
}
