"""Tables of the vocabulary on the pages: from the report in the repository, with its commit."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

REPORT: dict[str, Any] = {
    "kind": "tags",
    "name": "tags-v9",
    "protocol": "honest",
    "tags": [
        {
            "label": "hiphop", "display": "Hip-Hop", "parent": "", "id3v1": "Hip-Hop",
            "musicbrainz": "hip hop", "discogs": "Hip Hop", "own": ["Hip-Hop"],
            "positive_words": ["hiphop"], "unsure_words": ["pop", "reggae"], "calibrated": True,
            "threshold": 0.345, "positive": 65, "groups": 17, "negative": 523, "unsure": 110,
            "auc": 0.9891, "auc_interval": [0.98, 1.0], "average_precision": 0.975,
            "average_precision_interval": [0.94, 0.996], "f1": 0.95, "unsure_given": 0.07,
            "average_precision_unsure_as_negative": 0.96, "ece": 0.0123, "recall": 0.9,
            "false": 0.01,
        },
        {
            "label": "soul", "display": "Soul", "parent": "", "id3v1": "Soul",
            "musicbrainz": "soul", "discogs": "Funk / Soul---Soul", "own": ["soul"],
            "positive_words": [], "unsure_words": [], "calibrated": False, "threshold": 0.24,
            "artists": 6, "tracks": 13, "given": None, "others_given": 0.049,
        },
    ],
    "elsewhere": {"loops": {"hiphop": {
        "positive": 29, "groups": 29, "negative": 130, "auc": 0.876, "auc_interval": [0.82, 0.93],
        "average_precision": 0.553, "average_precision_interval": [0.4, 0.76], "recall": 0.72,
        "false": 0.11, "ece": 0.09, "f1": 0.5,
    }}},
    "heard_in": {"hiphop": {"hiphop": 0.92, "soul": 0.1, "rock": 0.09}, "polka": {"rock": 0.0}},
    "left_out": {"sad": "a mood"},
    "bundle": {"bytes": 5},
}  # fmt: skip


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with a checkout of its own that holds the report."""
    spec = importlib.util.spec_from_file_location("figures", ROOT / "scripts" / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path / "checkout")
    monkeypatch.setattr(module, "commit", lambda: "abc1234567")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.json").write_text(json.dumps(REPORT), encoding="utf-8")
    (path,) = module.take(tmp_path / "run")
    assert path == tmp_path / "checkout" / "results" / "tags" / "tags-v9.json"
    return module


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("names", "| hiphop | Hip-Hop |  | Hip-Hop | hip hop | Hip Hop | yes |"),
        ("names", "| soul | Soul |  | Soul | soul | Funk / Soul---Soul | no |"),
        ("words", "| hiphop | Hip-Hop | hiphop | pop, reggae |"),
        (
            "labelled",
            "| hiphop | 65 by 17 | 523 | 110 | 0.989 (0.98–1.00) | 0.975 (0.94–1.00) | 0.96"
            " | 0.34 | 0.95 | 7% | 0.012 |",
        ),
        ("own", "| soul | soul | 0.24 | 13 by 6 | – | 5% |"),
        (
            "loops",
            "| hiphop | 29 by 29 | 130 | 0.876 (0.82–0.93) | 0.553 (0.40–0.76) | 72% | 11%"
            " | 0.090 |",
        ),
        ("heard", "| hiphop | hiphop 92%, soul 10% |"),
        ("heard", "| polka | none |"),
        ("left-out", "| sad | a mood |"),
    ],
)
def test_a_table_and_its_commit(figures: ModuleType, what: str, line: str) -> None:
    text = figures.tags(f"tags-v9 {what}")
    assert line in text.splitlines()
    assert text.endswith("\n\nCommit abc1234567.\n")


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("tags tags-v9 nonsense", "tags: no table 'nonsense'; expected one of names, words"),
        ("tags tags-v9", "tags: no table ''"),
        ("tags tags-v8 names", "results/tags/tags-v8.json is not there"),
    ],
)
def test_a_block_that_nothing_fills(
    figures: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], block: str, why: str
) -> None:
    page = tmp_path / "checkout" / "README.md"
    page.write_text(f"<!-- generated: {block} -->\n<!-- end -->\n", "utf-8")
    assert figures.main([]) == 1
    assert why in capsys.readouterr().err


def test_what_is_kept_is_of_a_commit_that_there_is() -> None:
    kept = json.loads((ROOT / "results" / "tags" / "tags-v1.json").read_text(encoding="utf-8"))
    if not (ROOT / ".git").exists():
        pytest.skip("no repository here")
    done = subprocess.run(
        ["git", "merge-base", "--is-ancestor", kept["commit"], "HEAD"], cwd=ROOT, check=False
    )
    assert done.returncode == 0, kept["commit"]
