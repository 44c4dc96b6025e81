/** Numbers as people read them. */

/** Seconds as `3:05` or `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  const s = String(whole % 60).padStart(2, "0");
  return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

/** A length as people say it: `4 hours`, `90 minutes`. */
export function duration(seconds: number): string {
  const [n, unit] =
    seconds % 3600 === 0 ? [seconds / 3600, "hour"] : [Math.round(seconds / 60), "minute"];
  return `${n}\u00a0${unit}${n === 1 ? "" : "s"}`;
}

/** A share as `81 %`; what is nearly nothing or nearly all says so. */
export function percent(share: number): string {
  if (share > 0 && share < 0.005) return "< 1\u00a0%";
  if (share < 1 && share > 0.995) return "> 99\u00a0%";
  return `${Math.round(share * 100)}\u00a0%`;
}

export function megabytes(bytes: number): string {
  if (bytes < 1000) return `${bytes}\u00a0B`;
  if (bytes < 1e6) return `${Math.round(bytes / 1000)}\u00a0kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)}\u00a0MB`;
  return `${(bytes / 1e9).toFixed(1)}\u00a0GB`;
}

/** The middle of a long text left out, so that the end of a file name stays readable. */
export function shorten(text: string, most: number): string {
  const chars = [...text];
  if (chars.length <= most) return text;
  const tail = Math.ceil(most * 0.35);
  return `${chars.slice(0, most - tail - 1).join("")}…${chars.slice(-tail).join("")}`;
}

/**
 * Marks for an axis of time: at most `most` of them at round distances, none nearer to the
 * end than the share `room`, where the end's own label stands.
 */
export function timeTicks(seconds: number, most: number, room: number): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  const step = steps.find((s) => seconds / s <= most) ?? 14400;
  const ticks: number[] = [];
  for (let t = 0; t < seconds * (1 - room); t += step) ticks.push(t);
  return ticks;
}
