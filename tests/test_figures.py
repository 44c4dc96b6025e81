"""Numbers in README and docs come from reports, by a script that is held here."""

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


@pytest.fixture
def figures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("figures", ROOT / "scripts" / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scores(accuracy: float, n: int) -> dict[str, Any]:
    return {
        "accuracy": accuracy,
        "interval": [accuracy - 0.1, accuracy + 0.1],
        "macro_f1": 0.5,
        "weighted_f1": 0.6,
        "ece": 0.05,
        "n": n,
        "answered": 0.75,
        "right_when_answered": 0.9,
        "absent": ["polka"],
        "per_label": {
            "dub": {"n": 3, "precision": 0.5, "recall": 1.0, "f1": 2 / 3},
            "polka": {"n": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0},
        },
    }


def report(name: str) -> dict[str, Any]:
    part = {"window": scores(0.7, 50), "clip": scores(0.8, 10), "track": scores(0.85, 5)}
    return {
        "name": name,
        "protocol": "honest",
        "data": {"name": "mine", "labels": ["dub", "polka"]},
        "split": {"checksum": "0123456789abcdef", "seed": 4},
        "validation": part,
        "test": part,
        "unknown": {
            "min_confidence": 0.4,
            "max_distance": 1.25,
            "table": [{"confidence": 0.4, "answered": 0.8, "right_when_answered": 0.875}],
        },
    }


@pytest.fixture
def checkout(figures: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own with a result of every model."""
    root = tmp_path / "checkout"
    (root / "docs").mkdir(parents=True)
    monkeypatch.setattr(figures, "commit", lambda: "abc1234567")
    monkeypatch.setattr(figures, "ROOT", root)
    run = tmp_path / "run"
    run.mkdir()
    for name in figures.MODELS:
        (run / "report.json").write_text(json.dumps(report(name)), encoding="utf-8")
        figures.take(run)
    return root


def test_the_pages_are_up_to_date(figures: ModuleType) -> None:
    assert figures.main(["--check"]) == 0, "run scripts/figures"


def test_results_say_protocol_and_commit() -> None:
    found = sorted((ROOT / "results").glob("*/*/*.json"))
    assert found
    for path in found:
        values = json.loads(path.read_text(encoding="utf-8"))
        assert (values["name"], values["protocol"]) == (path.parts[-3], path.parts[-2])
        assert re.fullmatch("[0-9a-f]{10}", values["commit"])


def test_results_come_from_commits_that_are_here() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no repository: an unpacked archive")
    for path in [
        *(ROOT / "results").glob("*/*/*.json"),
        *(ROOT / "benchmarks/results").glob("*.json"),
    ]:
        commit = json.loads(path.read_text(encoding="utf-8"))["commit"]
        done = subprocess.run(
            ["git", "merge-base", "--is-ancestor", commit, "HEAD"], cwd=ROOT, check=False
        )
        assert done.returncode == 0, f"{path.name}: {commit}"


def test_a_model_has_its_row(figures: ModuleType, checkout: Path) -> None:
    assert checkout.is_dir()
    lines = figures.models("").splitlines()
    assert lines[0].startswith("| model | genres | right by track (95 %) |")
    assert lines[2] == (
        "| `small-gtzan-v1` | 2 | 0.850 (0.750–0.950), n 5 | 0.800 (0.700–0.900), n 10 | 0.600"
        " | 75% | 0.900 | abc1234567 |"
    )
    assert len(lines) == 2 + len(figures.MODELS)


def test_levels_name_protocol_split_and_commit(figures: ModuleType, checkout: Path) -> None:
    assert checkout.is_dir()
    text = figures.levels("small-gtzan-v1")
    assert "| test | clip | 10 | 0.800 (0.700–0.900) | 0.500 | 0.600 | 0.050 |" in text
    assert text.endswith(
        "\nProtocol honest, data mine, split 0123456789ab (seed 4), commit abc1234567.\n"
    )


def test_absent_genres_are_named_and_not_counted(figures: ModuleType, checkout: Path) -> None:
    assert checkout.is_dir()
    text = figures.genres("small-gtzan-v1")
    assert "| dub | 3 | 0.50 | 1.00 | 0.67 |" in text
    assert "| polka" not in text
    assert "no average: polka." in text


def test_what_unknown_buys(figures: ModuleType, checkout: Path) -> None:
    assert checkout.is_dir()
    text = figures.unknown("small-gtzan-v1")
    assert "| 0.40 | 80% | 0.875 |" in text
    assert "from 0.40 on, and no further than 1.25" in text


def test_seeds_have_a_row_each_and_their_mean(figures: ModuleType, checkout: Path) -> None:
    one = {"clip": scores(0.8, 10), "track": scores(0.85, 5)}
    values = {
        "name": "model",
        "protocol": "honest",
        "seeds": [{"seed": 0, **one}, {"seed": 1, **one}],
        "mean": {level: {"weighted_f1": 0.61, "accuracy": 0.81} for level in one},
    }
    folder = checkout / "seeds"
    folder.mkdir()
    (folder / "seeds.json").write_text(json.dumps(values), encoding="utf-8")
    (kept,) = figures.take(folder, "five")
    assert kept.relative_to(checkout).as_posix() == "results/five/honest/seeds.json"
    assert json.loads(kept.read_text("utf-8"))["name"] == "five"
    lines = figures.seeds("five").splitlines()
    assert lines[2].startswith("| 0 | 0.600, n 10 | 0.600, n 5 | 0.800 (0.700–0.900) |")
    assert lines[4] == "| mean | 0.610 | 0.610 | 0.810 | 0.810 |"


def test_a_benchmark_names_its_machine(figures: ModuleType, checkout: Path) -> None:
    values = {
        "commit": "abc1234567",
        "machine": {"cpu": "A CPU", "cpus": 2, "python": "3.11.7"},
        "rows": [{"what": "first answer", "figure": "0.3 s", "target": "≤ 0.5 s"}],
    }
    path = checkout / "benchmarks" / "results" / "cold.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(values), encoding="utf-8")
    text = figures.benchmark("cold")
    assert "| first answer | 0.3 s | ≤ 0.5 s |" in text
    assert text.endswith("\nA CPU, 2 CPUs, Python 3.11.7, commit abc1234567.\n")


def test_blocks_are_filled_and_checked(
    figures: ModuleType, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = checkout / "docs" / "page.md"
    page.write_text("before\n<!-- generated: models -->\nold\n<!-- end -->\nafter\n", "utf-8")
    assert figures.main(["--check"]) == 1
    assert "old" in page.read_text("utf-8")
    assert figures.main([]) == 0
    text = page.read_text("utf-8")
    assert "old" not in text
    assert text.startswith("before\n<!-- generated: models -->\n| model |")
    assert text.endswith("|\n<!-- end -->\nafter\n")
    assert figures.main(["--check"]) == 0
    assert capsys.readouterr().out == "docs/page.md: out of date\ndocs/page.md: written\n"


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("models of-mine", ""),
        ("genres no-such-model", "results/no-such-model/honest/report.json is not there"),
        ("benchmark cold", "benchmarks/results/cold.json is not there"),
        ("example demo", "results/examples/demo.txt is not there"),
        ("nonsense", "no block named 'nonsense'"),
    ],
)
def test_a_block_without_a_source_is_an_error(
    figures: ModuleType, checkout: Path, capsys: pytest.CaptureFixture[str], block: str, why: str
) -> None:
    (checkout / "README.md").write_text(f"<!-- generated: {block} -->\n<!-- end -->\n", "utf-8")
    assert figures.main([]) == (1 if why else 0)
    assert why in capsys.readouterr().err


@pytest.mark.slow
def test_examples_print_what_the_pages_show(figures: ModuleType) -> None:
    """Digits may differ in the last place between machines; genres and files may not."""

    def masked(text: str) -> str:
        return re.sub(r"\d+(?:\.\d+)?(?:e-\d+)?", "#", text)

    for name in figures.EXAMPLES:
        kept = (ROOT / "results" / "examples" / f"{name}.txt").read_text(encoding="utf-8")
        assert masked(figures.run_example(name)) == masked(kept)
