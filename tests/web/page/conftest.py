"""A browser that looks at a real server's page, and notes whatever goes wrong in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.web.conftest import Server, Start, music, serving, wav

ROOT = Path(__file__).resolve().parents[3]
STATIC = ROOT / "src" / "genrewise" / "web" / "static"
SAMPLES = ROOT / "src" / "genrewise" / "samples"
UI = ROOT / "web-ui"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
#: Milliseconds; a machine that does other things beside is slow, not wrong.
PATIENCE = 60_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that ask for a browser are skipped where there is none."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and "browser" in getattr(item, "fixturenames", ()):
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="needs chromium"))
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def microphone_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's pretended microphone hears: ten seconds, over and over."""
    path = tmp_path_factory.mktemp("microphone") / "heard.wav"
    path.write_bytes(wav(music(10.0, seed=5)))
    return path


@pytest.fixture(scope="session")
def browser(microphone_file: Path) -> Iterator[Any]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    args = [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone_file}",
        "--autoplay-policy=no-user-gesture-required",
    ]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield running
        running.close()


@dataclass
class Faults:
    """What a page complained about, and where it asked outside its server."""

    origin: str
    complaints: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    #: Parts of complaints that a test expects.
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Any) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.outside.append(request.url)

    def unexpected(self) -> list[str]:
        return [c for c in self.complaints if not any(part in c for part in self.expected)]


class Visitor:
    """Opens pages of servers; at the end nothing may have gone wrong in any of them."""

    def __init__(self, browser: Any, stack: ExitStack) -> None:
        self._browser, self._stack = browser, stack
        self.faults: list[Faults] = []

    def open(self, server: Server, route: str = "/", **how: Any) -> Any:
        """A page of its own, with its own session."""
        context = self._browser.new_context(
            **{
                "viewport": {"width": 1280, "height": 900},
                "reduced_motion": "reduce",
                "permissions": ["microphone", "clipboard-read", "clipboard-write"],
                **how,
            }
        )
        self._stack.callback(context.close)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        found = Faults(server.url.rstrip("/"))
        found.watch(page)
        self.faults.append(found)
        page.goto(f"{server.url}#{route}")
        return page

    def expect(self, *parts: str) -> None:
        """Complaints that belong to what the test does."""
        self.faults[-1].expected += parts


@pytest.fixture
def visitor(browser: Any, start: Start) -> Iterator[Visitor]:
    """Opens pages and holds them to have no faults; servers that were started outlive them."""
    assert start
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    with ExitStack() as stack:
        here = Visitor(browser, stack)
        yield here
    assert [f.unexpected() for f in here.faults] == [[] for _ in here.faults]
    assert [f.outside for f in here.faults] == [[] for _ in here.faults]


@pytest.fixture
def page(visitor: Visitor, server: Server) -> Any:
    """The start page of the shared server."""
    return visitor.open(server)


@pytest.fixture(scope="session")
def showing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that also shows reports of runs."""
    folder = tmp_path_factory.mktemp("showing")
    with serving(folder, "--reports", str(ROOT / "results")) as running:
        yield running


def choose(page: Any, *files: Any) -> None:
    """Give files as the file dialog does: paths, or (name, content)."""
    given = [
        str(f) if isinstance(f, Path) else {"name": f[0], "mimeType": "audio/mpeg", "buffer": f[1]}
        for f in files
    ]
    page.set_input_files("input[type=file]", given)


def answered(page: Any) -> str:
    """Wait for a result; its heading."""
    page.wait_for_selector("section.sheet")
    return str(page.locator("h1").inner_text())
