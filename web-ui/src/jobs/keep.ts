/** Results that outlive a reload of the page, for as long as the browser's session lasts. */

import type { Answer, Picture, Sample } from "../api/types";

export interface Kept {
  id: string;
  name: string;
  size: number;
  answer: Answer;
  sample: Sample | null;
}

const RESULTS = "genrewise.results";
const PICTURE = "genrewise.picture.";

function pictures(): string[] {
  return Object.keys(sessionStorage).filter((key) => key.startsWith(PICTURE));
}

/** Store a value; where there is no room, pictures make some. */
function store(key: string, text: string): void {
  for (;;) {
    try {
      sessionStorage.setItem(key, text);
      return;
    } catch {
      const oldest = pictures().find((name) => name !== key);
      if (!oldest) return;
      sessionStorage.removeItem(oldest);
    }
  }
}

export function kept(): Kept[] {
  try {
    return JSON.parse(sessionStorage.getItem(RESULTS) ?? "[]") as Kept[];
  } catch {
    return [];
  }
}

export function keep(result: Kept): void {
  const others = kept().filter((one) => one.id !== result.id);
  store(RESULTS, JSON.stringify([result, ...others]));
}

export function forget(id: string): void {
  store(RESULTS, JSON.stringify(kept().filter((one) => one.id !== id)));
  sessionStorage.removeItem(PICTURE + id);
}

export function keptPicture(id: string): Picture | null {
  const text = sessionStorage.getItem(PICTURE + id);
  return text ? (JSON.parse(text) as Picture) : null;
}

export function keepPicture(id: string, picture: Picture): void {
  store(PICTURE + id, JSON.stringify(picture));
}
