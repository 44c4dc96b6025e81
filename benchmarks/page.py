"""The page in Chromium: first paint, bytes over the wire, time of the main thread, and axe.

A real server on loopback; every figure is the median of several visits of a browser that
has nothing in its cache.  The slow visits are those of a telephone: a quarter of the speed
of this machine's CPU, and a line of 1.6 Mbit/s with 150 ms each way.

usage: page.py [--visits N]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from common import GENREWISE, ROOT, Row, save

MODEL = "small-gtzan-v1"
AXE = ROOT / "web-ui" / "node_modules" / "axe-core" / "axe.min.js"
#: Bits a second and milliseconds of a slow line; how many times slower the CPU is.
LINE, DELAY, SLOWER = 1.6e6, 150, 4

#: Paints, the largest of them, shifts of what was painted, long tasks and bytes.
LOOK = """() => new Promise((resolve) => {
  const found = { largest: 0, shift: 0, blocked: 0 };
  const watch = (type, note) =>
    new PerformanceObserver((list) => list.getEntries().forEach(note))
      .observe({ type, buffered: true });
  watch("largest-contentful-paint", (e) => (found.largest = e.startTime));
  watch("layout-shift", (e) => (found.shift += e.value));
  watch("longtask", (e) => (found.blocked += e.duration - 50));
  setTimeout(() => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    const all = performance.getEntriesByType("resource")
      .concat(performance.getEntriesByType("navigation"));
    const of = (test) => all.filter(test).reduce((sum, e) => sum + e.transferSize, 0);
    resolve({
      ...found,
      first: paint.startTime,
      page: of((e) => !e.name.includes("/api/")),
      api: of((e) => e.name.includes("/api/")),
      requests: all.length,
    });
  }, 500);
})"""


@dataclass(frozen=True)
class Visit:
    """What one visit took: milliseconds, bytes and seconds of the main thread."""

    first: float
    largest: float
    shift: float
    blocked: float
    page: float
    api: float
    requests: float
    busy: float


@contextmanager
def served() -> Iterator[str]:
    """A server; gives its address."""
    command = [GENREWISE, "serve", "--no-browser", "--port", "0", "--model", MODEL, "--json"]
    process = subprocess.Popen([str(p) for p in command], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def visit(browser: Any, url: str, slow: bool) -> Visit:
    """Open the start page in a browser that was never there."""
    context = browser.new_context(viewport={"width": 412, "height": 823} if slow else None)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Performance.enable")
    if slow:
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        line = {"offline": False, "latency": 2 * DELAY}
        speed = {"downloadThroughput": LINE / 8, "uploadThroughput": LINE / 8}
        devtools.send("Network.enable")
        devtools.send("Network.emulateNetworkConditions", {**line, **speed})
    page.goto(url)
    page.get_by_role("button", name="Worn groove").wait_for()
    seen = page.evaluate(LOOK)
    metrics = {m["name"]: m["value"] for m in devtools.send("Performance.getMetrics")["metrics"]}
    context.close()
    return Visit(**seen, busy=1000 * metrics["TaskDuration"])


def violations(browser: Any, url: str) -> dict[str, list[str]]:
    """What axe finds on each page, by its name."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    found = {}
    for route in ("/", "/listen", "/models", f"/models/{MODEL}"):
        page.goto(f"{url}#{route}")
        page.wait_for_load_state("networkidle")
        page.evaluate(AXE.read_text("utf-8"))
        wrong = page.evaluate("axe.run(document).then((r) => r.violations)")
        found[route] = [f"{v['impact']}: {v['id']}" for v in wrong]
    page.goto(url)
    page.get_by_role("button", name="Worn groove").click()
    page.wait_for_selector(".spectrogram canvas")
    page.evaluate(AXE.read_text("utf-8"))
    wrong = page.evaluate("axe.run(document).then((r) => r.violations)")
    found["result"] = [f"{v['impact']}: {v['id']}" for v in wrong]
    context.close()
    return found


def medians(visits: list[Visit]) -> dict[str, float]:
    """The median of each figure."""
    return {key: statistics.median(vars(v)[key] for v in visits) for key in vars(visits[0])}


def main() -> None:
    """Measure and keep."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser()
    parser.add_argument("--visits", type=int, default=7)
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None or not AXE.is_file():
        sys.exit("needs chromium, and axe-core in web-ui/node_modules: scripts/page")
    with served() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        version = browser.version
        visit(browser, url, slow=False)  # once for the page cache
        here = [visit(browser, url, slow=False) for _ in range(given.visits)]
        phone = [visit(browser, url, slow=True) for _ in range(given.visits)]
        wrong = violations(browser, url)
        browser.close()
    fast, slow = medians(here), medians(phone)
    grave = ("serious", "critical")
    serious = [v for found in wrong.values() for v in found if v.startswith(grave)]
    every = sum(map(len, wrong.values()))
    rows = [
        Row("first paint, on loopback", f"{fast['first']:.0f} ms"),
        Row("largest paint, on loopback", f"{fast['largest']:.0f} ms"),
        Row("main thread until it stands", f"{fast['busy']:.0f} ms"),
        Row("first paint, as a telephone", f"{slow['first'] / 1000:.1f} s"),
        Row("largest paint, as a telephone", f"{slow['largest'] / 1000:.1f} s"),
        Row("main thread, as a telephone", f"{slow['busy']:.0f} ms, {slow['blocked']:.0f} blocked"),
        Row("what moves after it is painted", f"{slow['shift']:.3f}", "≤ 0.1"),
        Row("the page over the wire", f"{fast['page'] / 1000:.0f} kB", "≤ 200 kB"),
        Row("requests", f"{fast['requests']:.0f}"),
        Row(
            "serious findings of axe, of all",
            f"{len(serious)} of {every}",
            "0",
        ),
    ]
    values = {"chromium": version, "loopback": fast, "telephone": slow, "axe": wrong}
    save("page", rows, {**values, "visits": given.visits})


if __name__ == "__main__":
    main()
