/** Dark and light: as the system says, until somebody says otherwise. */

import { ref, watchEffect } from "vue";

export type Theme = "auto" | "light" | "dark";

const KEY = "genrewise.theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const systemDark = ref(system.matches);
system.addEventListener("change", () => (systemDark.value = system.matches));

export const theme = ref<Theme>((localStorage.getItem(KEY) as Theme | null) ?? "auto");
export const isDark = ref(false);

watchEffect(() => {
  isDark.value = theme.value === "dark" || (theme.value === "auto" && systemDark.value);
  document.documentElement.dataset.theme = isDark.value ? "dark" : "light";
});

/** Turn to the other of the two; back at the system's own, follow the system again. */
export function switchTheme(): void {
  const wanted: Theme = isDark.value ? "light" : "dark";
  theme.value = (wanted === "dark") === systemDark.value ? "auto" : wanted;
  if (theme.value === "auto") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme.value);
}
