"""A made-up run and its report, for the tests of every part of the page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from genrewise.training import metrics
from genrewise.training.report.html import Extras, write_report
from genrewise.training.unknown import choose_unknown

VOID = {"meta", "img", "source", "br", "path"}
LABELS = ("blues", "hip & hop", "jazz", "<metal>", "pop")


def scored(n, seed, labels=LABELS, per=4):
    """A made-up part: clips of tracks, each with windows, and their figures."""
    rng = np.random.default_rng(seed)
    C = len(labels)
    truth = rng.choice([c for c in range(C) if c != 2], n)
    scores = rng.normal(size=(n, C)) * 1.2
    scores[np.arange(n), truth] += 2.5
    windows = scores[:, None] + rng.normal(size=(n, per, C))
    p = np.exp(windows) / np.exp(windows).sum(-1, keepdims=True)
    clips, groups = p.mean(1), rng.integers(0, n // 2, n)
    found = {
        "window": metrics.level_scores(
            truth.repeat(per), p.reshape(-1, C), labels, groups.repeat(per)
        ),
        "clip": metrics.level_scores(truth, clips, labels, groups, answered=clips.max(1) > 0.4),
    }
    found["track"] = found["clip"]
    return found, truth, p


def rows(truth, p, part, labels=LABELS):
    out = []
    for i, (t, windows) in enumerate(zip(truth, p, strict=True)):
        at = {"part": part, "path": f"{t}/song {i}.wav", "track": f"t{i}", "truth": labels[t]}
        levels = [("window", w) for w in windows] + [
            (x, windows.mean(0)) for x in ("clip", "track")
        ]
        for k, (level, row) in enumerate(levels):
            where = {"start": 5.0 * k, "stop": 5.0 * k + 5.0} if level == "window" else {}
            best = {"answer": labels[int(row.argmax())], "confidence": float(row.max())}
            named = {f"p_{label}": float(v) for label, v in zip(labels, row, strict=True)}
            out.append({**at, "level": level, **where, **best, **named})
    return out


def history(n=12):
    return [
        {
            "epoch": float(e),
            "train_loss": 2.0 / e,
            "train_accuracy": 1 - 1 / (e + 1),
            "valid_loss": 1.0 + 1.0 / e,
            "valid_accuracy": 0.6,
            "lr": 1e-3,
            "seconds": 1.0,
        }
        for e in range(1, n + 1)
    ]


@pytest.fixture(scope="session")
def run():
    validation, v_truth, v_p = scored(90, 1)
    test, truth, p = scored(60, 2)
    clips = v_p.mean(1)
    rule = choose_unknown(clips.max(1), np.ones(90), clips.argmax(1) == v_truth, 0.1)
    report = {
        "name": "own-genres",
        "title": 'Five genres of "mine"',
        "protocol": "honest",
        "data": {
            "name": "music",
            "labels": list(LABELS),
            "clips": 150,
            "tracks": 140,
            "groups": 71,
            "failed": [["a/<b>.wav", "0 bytes; expected an audio file"]],
            "warnings": ["jazz: 3 groups only"],
        },
        "split": {
            "rule": "by group, stratified",
            "seed": 3,
            "checksum": "0123456789abcdef" * 4,
            "warnings": [],
            "pool": 90,
            "test": 60,
        },
        "candidates": [{"members": ["linear", "kernel"], "accuracy": 0.75, "n": 90}],
        "unknown": {
            "min_confidence": rule.confidence,
            "max_distance": rule.distance,
            "answered": rule.answered,
            "right_when_answered": rule.right_when_answered,
            "target_risk": 0.1,
            "reached": rule.reached,
            "table": list(rule.table),
        },
        "validation": validation,
        "test": test,
        "published": {
            "figure": "accuracy",
            "value": 0.7685,
            "unit": "window",
            "n": 2000,
            "protocol": "clips shuffled",
            "source": "its report",
            "more": {"recall": 0.77},
        },
        "choices": ["dropout of .5"],
        "reductions": ["30 epochs for 100"],
        "history": {"the net": history()},
        "best_epoch": {"the net": 9},
        "log": ["test part opened: 60 clips, once"],
        "environment": {"numpy": "2.4"},
    }
    return report, rows(v_truth, v_p, "validation") + rows(truth, p, "test")


@pytest.fixture(scope="session")
def extras():
    rng = np.random.default_rng(0)
    truth = [LABELS[i % 5] for i in range(50)]
    return Extras(
        embedding=rng.normal(size=(50, 8)) + np.arange(50)[:, None] % 5,
        embedding_truth=truth,
        data_html='<section class="data-report"><h2>Data: music</h2></section>',
        recipe={"name": "own", "fit": {"folds": 5}},
        samples=[(label, f"{label}.wav", rng.random((96, 130))) for label in LABELS],
    )


@pytest.fixture(scope="session")
def folder(run, extras, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "run"
    assert write_report(folder, *run, extras) == folder / "report.html"
    return folder


@pytest.fixture(scope="session")
def html(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Every tag and whether it is closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def said(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="session")
def parsed():
    """From HTML to its tags and words."""
    return Tags


@pytest.fixture(scope="session")
def epochs():
    """Made-up training histories of so many epochs."""
    return history


def level(accuracy, n):
    """Figures of a level, each a known step from the accuracy."""
    genres = {"dub": n - n // 2, "polka": n // 2}
    row = {"precision": accuracy, "recall": accuracy, "f1": accuracy}
    return {
        "accuracy": accuracy,
        "interval": [accuracy - 0.1, accuracy + 0.1],
        "macro_f1": accuracy - 0.05,
        "weighted_f1": accuracy - 0.02,
        "n": n,
        "groups": 7,
        "absent": ["waltz"],
        "per_label": {label: {**row, "n": count} for label, count in genres.items()},
    }


def levels(accuracy):
    return {
        "window": level(accuracy - 0.05, 200),
        "clip": level(accuracy, 40),
        "track": level(accuracy, 20),
    }


@pytest.fixture(scope="session")
def make_report():
    """A small report whose figures are known: by track the accuracy, by window .05 less."""

    def make(name, accuracy=0.5, protocol="honest", minutes=1.0):
        leaks = {"tracks": 15, "groups": 9, "windows": 180, "of": 200}
        printed = {"figure": "accuracy", "value": 0.77, "unit": "window", "n": 2000}
        return {
            "name": name,
            "title": f"What {name} is",
            "protocol": protocol,
            "leaks": leaks if protocol == "published" else None,
            "data": {"name": "d", "labels": ["dub", "polka", "waltz"]},
            "split": {"rule": "groups", "seed": 4, "checksum": "0" * 64},
            "validation": levels(accuracy),
            "test": levels(accuracy),
            "published": {**printed, "protocol": "windows shuffled", "source": "table 2"},
            "minutes": minutes,
        }

    return make


@pytest.fixture(scope="session")
def make_seeds():
    """The same over several seeds, with an accuracy each."""

    def make(name, accuracies):
        rows = [{"seed": i, **levels(x)} for i, x in enumerate(accuracies)]
        return {"name": name, "protocol": "honest", "seeds": rows, "mean": {}, "failed": []}

    return make


@pytest.fixture
def put(tmp_path):
    """Write plain values below the test's folder."""

    def write(place, values):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
        return path

    return write


@pytest.fixture
def browse(tmp_path):
    """A browser lays a page out; only tables may be wider than the window.  Gives the pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium: install chromium to try the page in a browser")

    def look(page, width):
        folder = tmp_path / "browser"
        folder.mkdir()
        probe = (
            "<script>addEventListener('load',()=>{const f=document.querySelector('iframe');"
            "const d=f.contentDocument;document.title=d.documentElement.scrollWidth+' '"
            "+d.images.length+' '+[...d.images].filter(i=>i.complete&&i.naturalWidth).length;})"
            "</script>"
        )
        shutil.copy(page, folder / "report.html")
        style = f"width:{width}px;height:2000px;border:0"
        frame = f'<iframe src="report.html" style="{style}"></iframe>'
        text = f"<!doctype html><title>-</title>{frame}{probe}"
        (folder / "probe.html").write_text(text, encoding="utf-8")
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        command += ["--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}"]
        done = subprocess.run(
            [*command, "--virtual-time-budget=8000", (folder / "probe.html").as_uri()],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        found = re.search(r"<title>(\d+) (\d+) (\d+)</title>", done.stdout)
        assert found, done.stdout[-500:] + done.stderr[-500:]
        wide, images, shown = map(int, found.groups())
        assert wide <= width
        assert images == shown
        return shown

    return look
