/** Colours of the style sheet for what draws by itself. */

export type Rgb = [number, number, number];

/** A colour of the style sheet as it is now, light or dark. */
export function colour(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export function rgb(name: string): Rgb {
  const [r = 0, g = 0, b = 0] = (colour(name).match(/[\d.]+/g) ?? []).map(Number);
  return [r, g, b];
}

/** 256 colours that run evenly through the given ones. */
export function ramp(stops: Rgb[]): Rgb[] {
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    const from = stops[low] ?? [0, 0, 0];
    const to = stops[low + 1] ?? from;
    return from.map((c, k) => Math.round(c + ((to[k] ?? c) - c) * (at - low))) as Rgb;
  });
}
