"""Tables of evaluations on the pages: kept without names of files, shown with their commit."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
KEPT = sorted((ROOT / "results" / "evaluate").glob("*.json"))


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with a checkout of its own."""
    spec = importlib.util.spec_from_file_location("figures", ROOT / "scripts" / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path / "checkout")
    monkeypatch.setattr(module, "commit", lambda: "abc1234567")
    return module


def level(n: int) -> dict[str, Any]:
    return {
        "n": n,
        "groups": n,
        "accuracy": 0.75,
        "interval": [0.5, 0.875],
        "macro_f1": 0.7,
        "weighted_f1": 0.72,
        "ece": 0.1,
        "answered": 0.5,
        "right_when_answered": None,
    }


def one(**more: Any) -> dict[str, Any]:
    return {
        "model": "mine",
        "dataset": "theirs",
        "part": "valid",
        "labels": ["dub"],
        **{name: level(8) for name in ("window", "clip", "track")},
        "failed": [["secret/song.mp3", "text"]],
        **more,
    }


ROW = {
    "damage": "clean",
    "n": 8,
    "groups": 8,
    "accuracy": 0.75,
    "interval": [0.5, 0.875],
    "change": 0.0,
    "change_interval": [0.0, 0.0],
    "answered": 0.5,
    "right_when_answered": None,
    "truth": 0.0,
    "changed": 0.0,
}
DUEL = {
    "n": 8,
    "groups": 8,
    "both": 5,
    "only_a": 1,
    "only_b": 2,
    "neither": 0,
    "p": 1.0,
    "accuracy": [0.75, 0.875],
    "difference": -0.125,
    "interval": [-0.4, 0.2],
}
SHARES = {"n": 3, "groups": 2, "n_answered": 2, "answered": 2 / 3, "taken_for": {"a": 1, "b": 1}}
STRANGE = {**SHARES, "interval": [0.25, 1.0], "per_label": {"polka": SHARES}}
FALL = {
    "model": "mine",
    "first": "a",
    "other": "b",
    "genres": {"dub": {"first": 1.0, "other": 0.5, "fall": 0.5, "n": [3, 4]}},
    "mean": {"first": 1.0, "other": 0.5, "fall": 0.5, "interval": [0.1, 0.8]},
}


def take(figures: ModuleType, folder: Path, values: dict[str, Any], name: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps(values), encoding="utf-8")
    (path,) = figures.take(folder, name)
    return Path(path)


def test_an_evaluation_is_kept_by_its_name_without_names_of_files(
    figures: ModuleType, tmp_path: Path
) -> None:
    path = take(figures, tmp_path / "run", one(), "mine-theirs")
    assert path == tmp_path / "checkout" / "results" / "evaluate" / "mine-theirs.json"
    assert "secret" not in path.read_text("utf-8")
    values = json.loads(path.read_text("utf-8"))
    assert (values["name"], values["commit"]) == ("mine-theirs", "abc1234567")
    several = {"model": "mine", "sets": [one(), one(dataset="b")], "falls": [FALL]}
    assert "secret" not in take(figures, tmp_path / "run", several, "both").read_text("utf-8")


def test_an_evaluation_needs_a_name(figures: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--take DIR NAME"):
        take(figures, tmp_path / "run", one(), "")


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("evaluated", "| accuracy | 0.750 | 0.750 | 0.750 |"),
        ("strangers", "| polka | 3 | 2 | 2 | 0.667 | – | a 1, b 1 |"),
        ("strangers", "| all | 3 | 2 | 2 | 0.667 | 0.250–1.000 | a 1, b 1 |"),
        ("collections", "| dub | 3 | 4 | 1.000 | 0.500 | +50.0 | – |"),
        ("collections", "| mean | – | – | 1.000 | 0.500 | +50.0 | +10.0 to +80.0 |"),
        ("against", "| clip | 8 | 0.750 | 0.875 | 5 | 1 | 2 | 0 | -12.5 | -40.0 to +20.0 | 1 |"),
        ("damaged", "| clean | 8 | 0.750 (0.500–0.875) | +0.0 | 0.500 | – | +0.0 | 0.000 |"),
    ],
)
def test_a_block_shows_its_table_and_commit(
    figures: ModuleType, tmp_path: Path, kind: str, line: str
) -> None:
    duel = {"model": "theirs", "labels": ["dub"], "clip": DUEL, "track": DUEL, "scores": {}}
    damaged = {"rows": [ROW], "untouched": [], "failed": []}
    whole = one(against=duel, robustness=damaged, strangers=STRANGE)
    take(figures, tmp_path / "run", {"model": "mine", "sets": [whole], "falls": [FALL]}, "all")
    filled, missing = figures.fill(f"<!-- generated: {kind} all -->\n<!-- end -->")
    assert missing == []
    assert line in filled.splitlines()
    assert "\nCommit abc1234567.\n" in filled


def test_a_set_of_strangers_alone_has_their_table_and_no_other(
    figures: ModuleType, tmp_path: Path
) -> None:
    alone = one(strangers=STRANGE, against={"model": "theirs", "labels": [], "scores": {}})
    alone = {key: value for key, value in alone.items() if key not in {"window", "clip", "track"}}
    take(figures, tmp_path / "run", alone, "alone")
    filled, missing = figures.fill("<!-- generated: strangers alone -->\n<!-- end -->")
    assert missing == []
    assert "mine on theirs, valid part, by clip; labels that the model does not know" in filled
    for kind in ("evaluated", "collections", "against", "damaged"):
        _, missing = figures.fill(f"<!-- generated: {kind} alone -->\n<!-- end -->")
        assert missing == [f"results/evaluate/alone.json has no table {kind}"]
    both = {"model": "mine", "sets": [alone, one()], "falls": [], "strangers": STRANGE}
    take(figures, tmp_path / "run", both, "both")
    filled, _ = figures.fill("<!-- generated: strangers both -->\n<!-- end -->")
    assert filled.count("| outside | n | groups | answered | share | 95 % | taken for |") == 2
    assert "mine on all sets, by clip; labels" in filled
    filled, _ = figures.fill("<!-- generated: evaluated both -->\n<!-- end -->")
    assert filled.count("| accuracy | 0.750 |") == 1


def test_a_table_that_is_not_there_is_named(figures: ModuleType, tmp_path: Path) -> None:
    take(figures, tmp_path / "run", one(), "alone")
    for kind in ("strangers", "collections", "against", "damaged"):
        _, missing = figures.fill(f"<!-- generated: {kind} alone -->\n<!-- end -->")
        assert missing == [f"results/evaluate/alone.json has no table {kind}"]
    _, missing = figures.fill("<!-- generated: evaluated none -->\n<!-- end -->")
    assert missing == ["results/evaluate/none.json is not there"]


def test_there_are_evaluations() -> None:
    assert KEPT


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_evaluations_have_figures_and_a_commit_that_is_here(path: Path) -> None:
    text = path.read_text("utf-8")
    values = json.loads(text)
    assert values["name"] == path.stem
    assert re.fullmatch("[0-9a-f]{10}", values["commit"])
    assert not re.search(r"\.(?:opus|wav|mp3|au)\b", text)
    for found in values.get("sets", [values]):
        assert "track" in found or "strangers" in found
        for name in {"clip", "track", "strangers"} & set(found):
            assert found[name]["n"] > 0
            low, high = found[name]["interval"]
            share = found[name]["answered" if name == "strangers" else "accuracy"]
            assert 0 <= low <= share <= high <= 1
    if (ROOT / ".git").exists():
        command = ["git", "merge-base", "--is-ancestor", values["commit"], "HEAD"]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_every_kept_evaluation_stands_on_a_page() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text("utf-8") for page in pages)
    for path in KEPT:
        assert re.search(rf"<!-- generated: \w+ {path.stem} -->", text), path.stem
