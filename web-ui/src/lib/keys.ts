/** Keys that do something as long as a component is there. */

import { onBeforeUnmount, onMounted } from "vue";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

const WRITING = "input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]";
const PRESSABLE = "button, a[href], summary, input, [role=button]";

/**
 * Listen for keys by `event.key`, letters in lower case.
 *
 * Silent while something is being written, while Ctrl, Alt or Meta is held, and for the
 * keys with which a focused button or link is pressed.
 */
export function useKeys(keys: () => Keys): void {
  const listen = (event: KeyboardEvent) => {
    const at = event.target instanceof Element ? event.target : null;
    if (event.ctrlKey || event.metaKey || event.altKey || at?.closest(WRITING)) return;
    if ((event.key === " " || event.key === "Enter") && at?.closest(PRESSABLE)) return;
    if (event.key.startsWith("Arrow") && at?.closest("input, [data-arrows]")) return;
    const todo = keys()[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!todo) return;
    event.preventDefault();
    todo(event);
  };
  onMounted(() => document.addEventListener("keydown", listen));
  onBeforeUnmount(() => document.removeEventListener("keydown", listen));
}
