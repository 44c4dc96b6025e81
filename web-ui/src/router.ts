/** Addresses of the page; all behind `#`, so that the server knows only one. */

import { nextTick } from "vue";
import { createRouter, createWebHashHistory } from "vue-router";
import { back } from "./api/connection";
import { giveToken } from "./api/http";
import { busyJobs } from "./jobs/jobs";
import HomePage from "./pages/HomePage.vue";
import ResultPage from "./pages/ResultPage.vue";
import { texts } from "./texts";

// A file that was chosen must not need a part of the page that a lost server cannot give: where it
// goes to comes with the first load.
export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: "/", name: "home", component: HomePage },
    { path: "/result/:id", name: "result", component: ResultPage },
    { path: "/listen", name: "listen", component: () => import("./pages/ListenPage.vue") },
    { path: "/models", name: "models", component: () => import("./pages/ModelsPage.vue") },
    { path: "/models/:name", name: "model", component: () => import("./pages/ModelPage.vue") },
    {
      path: "/reports/:name/:protocol",
      name: "report",
      component: () => import("./pages/ReportPage.vue"),
    },
    { path: "/review", name: "review", component: () => import("./pages/ReviewPage.vue") },
    { path: "/label", name: "label", component: () => import("./pages/LabelPage.vue") },
    { path: "/:rest(.*)*", name: "missing", component: () => import("./pages/MissingPage.vue") },
  ],
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
});

// The address with which the server opens a browser may carry the token.
router.beforeEach((to) => {
  const { token, ...query } = to.query;
  if (typeof token !== "string") return true;
  giveToken(token);
  return { ...to, query, replace: true };
});

// A part of the page that cannot be had: the server is away, or has got a newer page meanwhile.
const RELOADED = "genrewise.reloaded";
const RELOAD_PAUSE = 10_000;

router.onError(async (_error, to) => {
  await back();
  if (busyJobs.value.length) return; // a reload would lose their files; the link works again
  if (Date.now() - Number(sessionStorage.getItem(RELOADED)) < RELOAD_PAUSE) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.hash = to.fullPath;
  location.reload();
});

router.afterEach(async (to, from) => {
  document.title = texts.titles[to.name as keyof typeof texts.titles] ?? texts.name;
  if (!from.name || from.name === to.name) return;
  // Who listens instead of looking is told where she is.
  await nextTick();
  setTimeout(() => document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true }), 0);
});
