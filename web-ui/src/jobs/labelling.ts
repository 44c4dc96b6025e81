/** Labelling clips by ear: which clip is due, what was said, what can be done with it. */

import { computed, reactive, ref } from "vue";
import { events } from "../api/events";
import { Problem, getJson, sendJson } from "../api/http";
import { loadModels } from "../api/site";
import type { Clip, Exported, Labelling, Training } from "../api/types";
import { texts } from "../texts";

const LOOK_MS = 1000;
const PAGE = 200;
const LINES = 200;

export function useLabelling() {
  const state = ref<Labelling | null>(null);
  const clips = ref<Clip[]>([]);
  const place = ref(0);
  const error = ref("");
  const busy = ref(false);
  const exported = ref<Exported | null>(null);
  const training = ref<Training | null>(null);
  const lines = ref<string[]>([]);
  const closed = new AbortController();
  let saving: Promise<void> = Promise.resolve();
  let doing: Promise<void> = Promise.resolve();

  const clip = computed(() => clips.value[place.value]);
  const isOpen = (one: Clip) => one.label === null && !one.skipped;

  function guarded(todo: () => Promise<void>): Promise<void> {
    if (!busy.value) doing = alone(todo);
    return doing;
  }

  async function alone(todo: () => Promise<void>): Promise<void> {
    busy.value = true;
    error.value = "";
    try {
      await saving;
      await todo();
    } catch (problem) {
      if (closed.signal.aborted) return;
      error.value = problem instanceof Problem ? problem.message : texts.errors.unexpected;
    } finally {
      busy.value = false;
    }
  }

  async function refresh(): Promise<void> {
    state.value = await getJson<Labelling>("/labelling", closed.signal);
  }

  async function loadClips(): Promise<void> {
    const all: Clip[] = [];
    const total = state.value?.total ?? 0;
    while (all.length < total) {
      const path = `/labelling/clips?from=${all.length}&limit=${PAGE}`;
      const { clips: some } = await getJson<{ clips: Clip[] }>(path, closed.signal);
      if (!some.length) break;
      all.push(...some);
    }
    clips.value = all;
    next(0);
  }

  /** The first clip from there on that nobody has said anything about; else the end. */
  function next(from: number): void {
    const open = clips.value.findIndex((one, i) => i >= from && isOpen(one));
    const before = clips.value.findIndex(isOpen);
    place.value = open >= 0 ? open : before >= 0 ? before : clips.value.length;
  }

  async function waitForCut(): Promise<void> {
    while (state.value?.cut && !closed.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      await refresh();
    }
    await loadClips();
  }

  const open = () =>
    guarded(async () => {
      await refresh();
      training.value = state.value?.training ?? null;
      if (training.value?.status === "running") void watchTraining();
      await waitForCut();
    });

  const cut = (seconds: number) =>
    guarded(async () => {
      await sendJson("POST", "/labelling", { seconds }, closed.signal);
      await refresh();
      await waitForCut();
    });

  /** Goes on to the next clip at once; what was said is kept meanwhile, in the order it was said. */
  function say(label: string | null): void {
    if (busy.value) return void doing.then(() => say(label)); // it is about the clip undone
    const due = clip.value;
    if (!due) return;
    const at = place.value;
    clips.value[at] = { ...due, label, skipped: label === null };
    next(at + 1);
    saving = saving.then(() => save(due, at, label));
  }

  async function save(due: Clip, at: number, label: string | null): Promise<void> {
    try {
      clips.value[at] = await sendJson<Clip>("PUT", `/labelling/clips/${due.n}`, { label });
      await refresh();
      error.value = "";
    } catch (problem) {
      if (closed.signal.aborted) return;
      error.value = problem instanceof Problem ? problem.message : texts.errors.unexpected;
      clips.value[at] = due;
      place.value = at;
    }
  }

  const undo = () =>
    guarded(async () => {
      if (!state.value?.can_undo) return;
      const found = await sendJson<Clip>("POST", "/labelling/undo");
      const at = clips.value.findIndex((one) => one.n === found.n);
      if (at >= 0) {
        clips.value[at] = found;
        place.value = at;
      }
      await refresh();
    });

  const toFolder = () =>
    guarded(async () => {
      exported.value = await sendJson<Exported>("POST", "/labelling/export");
      await refresh();
    });

  const train = (quick: boolean) =>
    guarded(async () => {
      training.value = { status: "running", progress: 0 };
      try {
        await sendJson("POST", "/labelling/train", { quick });
      } catch (problem) {
        training.value = null;
        throw problem;
      }
      void watchTraining();
    });

  async function watchTraining(): Promise<void> {
    lines.value = [];
    try {
      for await (const event of events("/labelling/train/events", closed.signal)) {
        const data = event.data as Training & { text?: string };
        if (event.name === "line") lines.value = [...lines.value, data.text ?? ""].slice(-LINES);
        else if (event.name === "status") training.value = data;
        if (training.value?.status === "done") await loadModels();
      }
    } catch {
      if (!closed.signal.aborted) setTimeout(() => void watchTraining(), LOOK_MS);
    }
  }

  const stopTraining = async () => void (await sendJson("DELETE", "/labelling/train"));

  const close = () => closed.abort();

  return reactive({
    ...{ state, clips, clip, place, error, busy, exported, training, lines },
    ...{ open, cut, say, undo, toFolder, train, stopTraining, close },
  });
}
