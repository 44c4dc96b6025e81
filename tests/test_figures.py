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
def figures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
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
        "groups": 3,
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


def system(name: str, accuracy: float, protocol: str, number: str = "000") -> dict[str, Any]:
    """A report of a published system."""
    part = dict.fromkeys(("window", "clip", "track"), scores(accuracy, 20))
    theirs = {"figure": "accuracy", "value": 0.77, "unit": "window", "n": 2000}
    return {
        **report(name),
        "title": f"what {name} is",
        "system": number,
        "protocol": protocol,
        "validation": part,
        "test": part,
        "leaks": {"tracks": 4, "groups": 2, "windows": 18, "of": 20}
        if protocol == "published"
        else None,
        "published": {**theirs, "protocol": "windows | shuffled", "source": "table 2"},
        "minutes": 2.5,
    }


def keep(figures: ModuleType, folder: Path, values: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps(values), encoding="utf-8")
    figures.take(folder)


def test_a_published_system_has_a_row_with_both_protocols(
    figures: ModuleType, checkout: Path
) -> None:
    keep(figures, checkout / "r", system("000-cnn", 0.8, "published"))
    keep(figures, checkout / "r", system("000-cnn", 0.5, "honest"))
    keep(figures, checkout / "r", system("001-ann", 0.6, "honest", "001"))
    head, _, cnn, ann = figures.systems("").splitlines()
    assert head.startswith(
        "| system | recipe | published | ours, published protocol | ours, honest"
    )
    assert cnn == (
        "| 000 | `000-cnn` | accuracy by window 0.770, n 2,000: windows \\| shuffled"
        " | 0.800, n 20; 90 % from tracks learnt from | 0.500"
        " | 0.500 (0.400–0.600), n 20 | 0.500 (0.400–0.600), n 20 | 1 | 2.5 + 2.5 |"
    )
    assert "| 001 | `001-ann` |" in ann
    assert ann.endswith(
        "| – | 0.600 | 0.600 (0.500–0.700), n 20 | 0.600 (0.500–0.700), n 20 | 1 | 2.5 |"
    )


def test_what_ran_on_made_up_music_stands_by_itself(figures: ModuleType, checkout: Path) -> None:
    keep(figures, checkout / "r", system("004-fma-cnn", 0.8, "published", "004"))
    keep(figures, checkout / "r", system("004-fma-cnn", 0.5, "honest", "004"))
    assert figures.systems("") == figures.NOTHING
    head, _, row = figures.miniature("").splitlines()
    assert head == "| recipe | macro F1, published protocol | honest | n | minutes |"
    assert row == "| 004-fma-cnn | 0.800 | 0.500 | 20, 20 | 5.0 |"


def test_seeds_of_a_system_stand_in_its_row(figures: ModuleType, checkout: Path) -> None:
    keep(figures, checkout / "r", system("000-cnn", 0.5, "honest"))
    keep(figures, checkout / "r", system("000-cnn", 0.8, "published"))
    for protocol in ("honest", "published"):
        rows = [{"seed": i, "window": scores(x, 20)} for i, x in enumerate((0.4, 0.6))]
        values = {"name": "000-cnn", "protocol": protocol, "seeds": rows, "mean": {}}
        folder = checkout / "seeds"
        folder.mkdir(exist_ok=True)
        (folder / "seeds.json").write_text(json.dumps(values), encoding="utf-8")
        figures.take(folder)
    row = figures.systems("").splitlines()[2]
    assert "| 2: 0.500 (0.400–0.600) | 2.5 + 2.5 |" in row
    assert "| 0.800, n 20; 2 seeds: 0.500 (0.400–0.600); 90 % from tracks" in row


def test_tables_without_reports_say_so(figures: ModuleType, checkout: Path) -> None:
    assert checkout.is_dir()
    for kind in ("systems", "splits", "sweeps", *figures.COMPARED):
        assert figures.KINDS[kind]("") == figures.NOTHING


def test_recipes_are_compared_in_the_order_given(figures: ModuleType, checkout: Path) -> None:
    keep(figures, checkout / "r", system("000-cnn-8", 0.4, "honest"))
    keep(figures, checkout / "r", system("000-cnn", 0.5, "honest"))
    text = figures.KINDS["windows"]("")
    assert [line.split(" | ")[0] for line in text.splitlines()[2:]] == [
        "| what 000-cnn is",
        "| what 000-cnn-8 is",
    ]
    assert text == figures.compare("000-cnn 000-cnn-8 no-such-recipe")


def test_compared_recipes_and_splits_are_recipes(figures: ModuleType) -> None:
    from genrewise.training.recipe import load, names

    known = {load(name).name for name in names()}
    assert {name for listed in figures.COMPARED.values() for name in listed.split()} <= known
    assert {"split-windows", "split-tracks", "split-groups"} <= known


def test_the_split_table_goes_from_leaking_to_honest(figures: ModuleType, checkout: Path) -> None:
    keep(figures, checkout / "r", system("split-windows", 0.9, "published", ""))
    keep(figures, checkout / "r", system("split-windows", 0.1, "honest", ""))
    keep(figures, checkout / "r", system("split-groups", 0.5, "honest", ""))
    lines = figures.splits("").splitlines()
    assert lines[2].startswith("| clips of a track on both sides | 90 % | 2 | 0.900 (0.800–1.000)")
    assert lines[3].startswith("| no artist on both sides | none | 0 | 0.500 (0.400–0.600)")
    assert len(lines) == 4


def test_sweeps_show_every_setting_and_the_commit(figures: ModuleType, checkout: Path) -> None:
    level = {"clip": {"accuracy": 0.7, "interval": [0.6, 0.8]}}
    done = {"state": "done", "reason": "", "best_epoch": {}, "history": {}, "minutes": 1.0}
    best = {"number": 0, "settings": {"fit.rate": 0.01}, "figure": 0.7}
    values = {
        "kind": "sweep", "name": "003-rate", "protocol": "honest", "total": 1,
        "judge": {"figure": "validation/clip/accuracy"}, "keys": {"fit.rate": "rate"},
        "trials": [{**best, **done, "validation": level}], "best": best, "close": [],
    }  # fmt: skip
    keep(figures, checkout / "r", values)
    keep(figures, checkout / "r", system("003-cnn", 0.5, "honest", "003"))  # no sweep
    text = figures.sweeps("")
    assert "| 0.01 | 0.700 |" in text
    assert "Best of 1 settings: rate 0.01" in text
    assert text.endswith(" Commit abc1234567.\n")
    assert figures.sweeps("001") == figures.NOTHING


def test_what_is_taken_has_figures_and_recipe_but_no_files(
    figures: ModuleType, checkout: Path
) -> None:
    folder = checkout / "r"
    folder.mkdir()
    recipe = {"name": "000-cnn", "fit": {"folds": 5}}
    (folder / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
    (folder / "predictions.csv").write_text("path\nrock/song.wav\n", encoding="utf-8")
    values = system("000-cnn", 0.5, "honest")
    values["data"]["failed"] = [["rock/song.wav", "0 bytes"]]
    keep(figures, folder, values)
    kept = checkout / "results" / "000-cnn" / "honest"
    assert [path.name for path in kept.iterdir()] == ["report.json"]
    text = (kept / "report.json").read_text(encoding="utf-8")
    assert "song.wav" not in text
    found = json.loads(text)
    assert found["data"]["failed"] == 1
    assert re.fullmatch("[0-9a-f]{64}", found["recipe_sha256"])
    assert found["test"] == values["test"]


def test_results_hold_figures_only() -> None:
    """No audio, no picture, no page, no prediction; no name of a file of the data."""
    for path in (ROOT / "results").rglob("*"):
        if path.is_file():
            assert path.suffix in (".json", ".txt"), path
    for path in (ROOT / "results").glob("*/*/*.json"):
        text = path.read_text(encoding="utf-8")
        assert "base64" not in text
        assert not re.search(r"\.(wav|mp3|opus|ogg|flac|au|png)\b", text), path


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
