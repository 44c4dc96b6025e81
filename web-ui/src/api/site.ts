/** What the page knows of the server: its settings, models and samples, asked for once. */

import { computed, shallowReactive } from "vue";
import { getJson } from "./http";
import type { Model, Sample, Settings } from "./types";

export const site = shallowReactive({
  settings: null as Settings | null,
  models: [] as Model[],
  samples: [] as Sample[],
});

export const defaultModel = computed(() =>
  site.models.find((model) => model.name === site.settings?.default_model),
);

let loading: Promise<void> | null = null;

async function load(): Promise<void> {
  site.settings = await getJson<Settings>("/settings");
  [site.models, site.samples] = await Promise.all([
    getJson<Model[]>("/models"),
    getJson<Sample[]>("/samples"),
  ]);
}

/** All of it; who asks once more after a failure makes another try. */
export function loadSite(): Promise<void> {
  loading ??= load().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** The models once more: one was made meanwhile. */
export async function loadModels(): Promise<void> {
  site.models = await getJson<Model[]>("/models");
}

/** How people write a label, where its model says so. */
export function genreName(label: string | null | undefined, model?: string): string {
  if (!label) return "";
  const named = site.models.find((m) => m.name === model) ?? defaultModel.value;
  return named?.names?.[label] ?? site.models.find((m) => m.names?.[label])?.names?.[label] ?? label;
}
