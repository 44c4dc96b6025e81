/** From a source of sound to the server's final word. */

import { sleep } from "./connection";
import { events } from "./events";
import { Problem, getJson, sendJson } from "./http";
import { isFinal, type Answer, type Cancelled, type Sample, type State, type Waiting } from "./types";
import { upload } from "./upload";

export type Source =
  | { kind: "file"; file: File }
  | { kind: "sample"; sample: Sample }
  | { kind: "url"; url: string };

export interface Hooks {
  uploading?(share: number): void;
  accepted?(id: string): void;
  state?(state: State): void;
}

interface Wish {
  model: string;
  /** The genre over time too. */
  timeline: boolean;
  /** Also what is drawn: outline and spectrogram. */
  picture: boolean;
}

function submit(source: Source, wish: Wish, hooks: Hooks, signal: AbortSignal): Promise<Waiting> {
  if (source.kind !== "file") {
    const what = source.kind === "url" ? { url: source.url } : { sample: source.sample.file };
    return sendJson<Waiting>("POST", "/classifications", { ...what, ...wish }, signal);
  }
  const form = new FormData();
  if (wish.model) form.append("model", wish.model);
  if (wish.timeline) form.append("timeline", "1");
  if (wish.picture) form.append("picture", "1");
  form.append("file", source.file, source.file.name);
  return upload<Waiting>("/classifications", form, (p) => hooks.uploading?.(p), signal);
}

/** Follow a classification to its end, over streams that break and servers that pause. */
export async function follow(
  id: string,
  hooks: Hooks,
  signal: AbortSignal,
): Promise<Answer | Cancelled> {
  for (;;) {
    try {
      for await (const event of events(`/classifications/${id}/events`, signal)) {
        if (event.name !== "status") continue;
        const state = event.data as State;
        hooks.state?.(state);
        if (isFinal(state)) return state;
      }
    } catch (error) {
      if (signal.aborted || error instanceof Problem) throw error;
    }
    await sleep(500, signal);
    const state = await getJson<State>(`/classifications/${id}`, signal);
    hooks.state?.(state);
    if (isFinal(state)) return state;
  }
}

/** Tell the server that nobody waits any more; it does not matter whether it hears. */
export function drop(id: string): void {
  void sendJson("DELETE", `/classifications/${id}`).catch(() => undefined);
}

/**
 * Classify a source.
 *
 * A server that was started anew in between has forgotten what it was given: it is given
 * the same once more.
 */
export async function classify(
  source: Source,
  wish: Wish,
  hooks: Hooks,
  signal: AbortSignal,
): Promise<Answer | Cancelled> {
  for (let again = false; ; again = true) {
    const { id } = await submit(source, wish, hooks, signal);
    const stop = () => drop(id);
    signal.addEventListener("abort", stop, { once: true });
    hooks.accepted?.(id);
    try {
      return await follow(id, hooks, signal);
    } catch (error) {
      if (again || !(error instanceof Problem) || error.status !== 404) throw error;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}
