/** Whether the server is there: gone, busy or fine, and waiting until it is fine again. */

import { reactive } from "vue";

export type Link = "fine" | "offline" | "busy";

export const connection = reactive({
  link: "fine" as Link,
  /** When the next try is due, in milliseconds since 1970; 0 where none is. */
  retryAt: 0,
  /** Whether the server wants a token that it has not got. */
  wantsToken: false,
});

/** Address of the API beside the page, below whatever path a proxy gives it. */
export const API = new URL("api/v1", document.baseURI).href;

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 8000;
const LOOK_EVERY = 10_000;
const HEALTH_LIMIT = 4000;

let coming: Promise<void> | null = null;
let wake: () => void = () => undefined;

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** A promise that gives up when the signal does. */
function unless<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

async function answers(): Promise<boolean> {
  try {
    const found = await fetch(`${API}/health`, { signal: AbortSignal.timeout(HEALTH_LIMIT) });
    await found.text();
    return found.ok;
  } catch {
    return false;
  }
}

async function untilBack(): Promise<void> {
  let wait = FIRST_WAIT;
  while (!(await answers())) {
    connection.link = "offline";
    connection.retryAt = Date.now() + wait;
    await Promise.race([sleep(wait), new Promise<void>((resolve) => (wake = resolve))]);
    wait = Math.min(wait * 1.6, LONGEST_WAIT);
  }
  connection.link = "fine";
  connection.retryAt = 0;
}

/** Wait until the server answers again; those who wait share one series of tries. */
export function back(signal?: AbortSignal): Promise<void> {
  coming ??= untilBack().finally(() => (coming = null));
  return unless(coming, signal);
}

/** Wait as long as a busy server asks for. */
export async function busy(seconds: number, signal?: AbortSignal): Promise<void> {
  connection.link = "busy";
  connection.retryAt = Date.now() + seconds * 1000;
  await sleep(seconds * 1000, signal);
}

export function fine(): void {
  if (coming) return;
  connection.link = "fine";
  connection.retryAt = 0;
}

/** Try again at once. */
export function tryNow(): void {
  wake();
}

/** Look after the server while the page is looked at, so that it says so when it goes away. */
export function watch(): void {
  window.addEventListener("online", tryNow);
  window.addEventListener("offline", () => void back());
  setInterval(async () => {
    if (document.hidden || coming || connection.link !== "fine") return;
    if (!(await answers())) void back();
  }, LOOK_EVERY);
}
