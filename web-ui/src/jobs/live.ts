/** Listening along: every few seconds the last ten go to the server. */

import { onBeforeUnmount, reactive } from "vue";
import { classify, drop } from "../api/classify";
import { Problem } from "../api/http";
import { site, loadSite } from "../api/site";
import type { Answer, Span } from "../api/types";
import { openMicrophone, type Microphone } from "../lib/microphone";

const SPAN = 10;
const FIRST = 4;
const EVERY = 3;
const LOOK_MS = 250;

export type Trouble = "insecure" | "denied" | "missing" | "server";

export function useLive() {
  let microphone: Microphone | null = null;
  let stopped = new AbortController();
  let timer = 0;
  let asking = false;
  let asked = 0;

  const live = reactive({
    on: false,
    seconds: 0,
    levels: [] as number[],
    answer: null as Answer | null,
    history: [] as Span[],
    trouble: "" as Trouble | "",
    start,
    stop,
    recording,
  });

  async function start(): Promise<void> {
    Object.assign(live, { trouble: "", answer: null, history: [], seconds: 0 });
    if (!window.isSecureContext || !navigator.mediaDevices) return void (live.trouble = "insecure");
    try {
      microphone = await openMicrophone();
    } catch (error) {
      const refused = error instanceof DOMException && error.name === "NotAllowedError";
      return void (live.trouble = refused ? "denied" : "missing");
    }
    stopped = new AbortController();
    asked = FIRST - EVERY;
    live.on = true;
    timer = window.setInterval(look, LOOK_MS);
  }

  function stop(): void {
    stopped.abort();
    clearInterval(timer);
    microphone?.close();
    live.on = false;
  }

  /** All that was heard, as a file like any other. */
  function recording(): File | null {
    if (!microphone) return null;
    const at = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const name = `Microphone ${at.replaceAll(":", ".")}.wav`;
    return new File([microphone.take()], name, { type: "audio/wav" });
  }

  function look(): void {
    if (!microphone) return;
    live.seconds = microphone.seconds;
    live.levels = microphone.levels;
    if (asking || microphone.seconds - asked < EVERY) return;
    asked = microphone.seconds;
    void ask(microphone, microphone.seconds);
  }

  async function ask(from: Microphone, at: number): Promise<void> {
    asking = true;
    const { signal } = stopped;
    try {
      await loadSite();
      const file = new File([from.take(SPAN)], "microphone.wav", { type: "audio/wav" });
      const wish = { model: site.settings?.default_model ?? "", timeline: false, picture: false };
      const found = await classify({ kind: "file", file }, wish, {}, signal);
      if (found.id) drop(found.id);
      if (signal.aborted || found.status === "cancelled" || found.status === "failed") return;
      note(found, at);
    } catch (error) {
      if (!signal.aborted && error instanceof Problem) live.trouble = "server";
    } finally {
      asking = false;
    }
  }

  function note(answer: Answer, at: number): void {
    const { genre, confidence } = answer;
    const start = live.history.at(-1)?.stop ?? Math.max(0, at - SPAN);
    live.answer = answer;
    live.trouble = "";
    live.history.push({ start, stop: at, genre, confidence });
  }

  onBeforeUnmount(stop);
  return live;
}
