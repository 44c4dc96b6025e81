/** The files of a library that wait for a person, one after the other. */

import { reactive } from "vue";
import { Problem, getJson, sendJson } from "../api/http";
import type { ReviewItem, ReviewQueue } from "../api/types";
import { texts } from "../texts";

export type Verdict = "accepted" | "changed" | "skipped";

const LIMIT = 20;
/** When fewer are at hand, more are asked for. */
const LOW = 3;

export function useReview() {
  const review = reactive({
    ready: false,
    left: 0,
    answered: 0,
    canUndo: false,
    choices: [] as string[],
    items: [] as ReviewItem[],
    error: "",
    busy: false,
    load,
    answer,
    undo,
  });

  async function load(): Promise<void> {
    await guarded(async () => {
      const found = await getJson<ReviewQueue>(`/library/review?limit=${LIMIT}`);
      const { left, answered, can_undo: canUndo, choices, items } = found;
      Object.assign(review, { ready: true, left, answered, canUndo, choices, items });
    });
  }

  async function guarded(todo: () => Promise<void>): Promise<void> {
    if (review.busy) return;
    review.busy = true;
    try {
      await todo();
      review.error = "";
    } catch (error) {
      review.error = error instanceof Problem ? error.message : texts.errors.unexpected;
    } finally {
      review.busy = false;
    }
  }

  async function answer(verdict: Verdict, genres: string[]): Promise<void> {
    const item = review.items[0];
    if (!item || (verdict !== "skipped" && !genres.length)) return;
    await guarded(async () => {
      const path = `/library/review/${encodeURIComponent(item.id)}`;
      await sendJson("POST", path, verdict === "skipped" ? { verdict } : { verdict, genres });
      review.items.shift();
      review.left -= 1;
      review.answered += 1;
      review.canUndo = true;
    });
    if (review.items.length < LOW && review.left > review.items.length) await load();
  }

  async function undo(): Promise<void> {
    if (!review.canUndo) return;
    await guarded(async () => {
      await sendJson("POST", "/library/review/undo");
    });
    await load();
  }

  return review;
}
