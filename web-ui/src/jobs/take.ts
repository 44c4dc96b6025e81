/** Taking in what somebody gives: one goes straight to its result, several become a list. */

import { nextTick } from "vue";
import { useRouter } from "vue-router";
import type { Source } from "../api/classify";
import { loadSite, site } from "../api/site";
import { add } from "./jobs";

export function useTake() {
  const router = useRouter();

  async function take(sources: Source[]): Promise<void> {
    if (!sources.length) return;
    await loadSite();
    const added = add(sources, site.settings?.default_model ?? "");
    const [only] = added;
    if (only && added.length === 1) await router.push({ name: "result", params: { id: only.key } });
    else await showList();
  }

  async function showList(): Promise<void> {
    await router.push({ name: "home" });
    await nextTick();
    document.querySelector("#jobs-title")?.scrollIntoView({ block: "start" });
  }

  const takeFiles = (files: File[]) => take(files.map((file) => ({ kind: "file", file })));

  return { take, takeFiles };
}
