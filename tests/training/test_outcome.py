"""What a run leaves: the report that pages, sweeps and tables read, and files beside it."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrewise.errors import LeakageError, RecipeError, UnknownName
from genrewise.inference import Classifier
from genrewise.training import job as jobs
from genrewise.training.datasets import read
from genrewise.training.datasets.synthetic import generate
from genrewise.training.job import Job, learn, run_recipe, seeds
from genrewise.training.models.training_loop import watcher
from genrewise.training.outcome import protocol_of, report_of
from genrewise.training.prepare import prepare
from genrewise.training.recipe import load
from genrewise.training.splits import read_split

Make = Callable[..., Job]

NET = """
name = "net"
title = "A network"
system = "000"
choices = ["the seed"]
reductions = ["two epochs"]
[published]
figure = "accuracy"
value = 0.7
n = 99
[data]
source = "{source}"
[features]
timbre = {{ kind = "statistics" }}
[windows]
length = 2.0
hop = 2.0
[model.members.net]
model = "mlp"
inputs = ["timbre"]
params = {{ hidden = [16], lr = 0.01, batch_size = 8, max_epochs = 2 }}
[split]
valid = 0.3
test = 0.3
[fit]
choose = "holdout"
[protocols.published]
split = {{ rule = "windows", test = 0.2, valid = 0.2 }}
"""

#: Begins with what the network above has learnt.
SECOND = 'base = "net.toml"\nname = "second"\n[model.members.net]\nstart = "net.toml"\n'


@pytest.fixture(scope="module")
def folder(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recipes."""
    found = tmp_path_factory.mktemp("recipes é")
    (found / "net.toml").write_text(NET.format(source=music.as_posix()), encoding="utf-8")
    (found / "second.toml").write_text(SECOND, encoding="utf-8")
    return found


@pytest.fixture(autouse=True)
def _cached(cache: Path) -> Path:
    return cache


def job_of(path: Path, out: Path, *settings: str, protocol: str = "honest", **more: Any) -> Job:
    recipe = load(path, settings, protocol)
    job = Job(recipe, recipe.name, out / "m.genrewise", out / "run", workers=1)
    return replace(job, source=path.name, **more)


def unpaged(job: Job) -> dict[str, Any]:
    """The report of a run, without its page: the figures take longest to draw."""
    ready = prepare(job)
    return report_of(job, learn(job, ready, job.recipe), ready.looked)


@pytest.fixture(scope="module")
def done(
    folder: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], list[str]]:
    """A run of a network with songs to classify after it: folder, report, what it said."""
    out, said = tmp_path_factory.mktemp("done"), list[str]()
    songs = generate(out / "new songs", 1, 2.5, seed=9, genres=("techno", "waltz"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENREWISE_CACHE", str(shared_cache))
        setting = f'data.unlabelled="{songs.as_posix()}"'
        report = run_recipe(job_of(folder / "net.toml", out, setting, say=said.append))
    return out, report, said


# -- the report


def test_the_report_has_what_others_read(done: Any) -> None:
    out, report, _ = done
    assert {
        "name", "recipe", "title", "system", "protocol", "seed", "leaks", "data", "split",
        "candidates", "chosen", "calibration", "unknown", "validation", "test", "whole",
        "published", "choices", "reductions", "history", "best_epoch", "log", "version",
        "environment", "bundle", "minutes",
    } == set(report)  # fmt: skip
    assert (report["name"], report["recipe"], report["title"]) == ("net", "net.toml", "A network")
    assert (report["system"], report["protocol"], report["seed"]) == ("000", "honest", 0)
    assert report["leaks"] is None
    assert report["choices"] == ["the seed"]
    assert report["reductions"] == ["two epochs"]
    assert report["published"]["value"] == 0.7
    assert report["published"]["n"] == 99
    assert report["chosen"] == ["net"]
    assert report["bundle"]["parity"] < 1e-4
    assert json.loads((out / "run" / "report.json").read_text(encoding="utf-8")) == report


def test_a_network_tells_its_epochs(done: Any) -> None:
    _, report, said = done
    (rows,) = report["history"].values()
    assert list(report["history"]) == list(report["best_epoch"]) == ["net"]
    assert [row["epoch"] for row in rows] == [1, 2]
    for row in rows:
        assert set(row) == {
            "epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "lr",
            "seconds",
        }  # fmt: skip
        assert all(math.isfinite(value) for value in row.values())
        assert 0 <= row["valid_accuracy"] <= 1
    best = min(rows, key=lambda row: row["valid_loss"])
    assert report["best_epoch"]["net"] == best["epoch"]
    window = report["validation"]["window"]["accuracy"]
    assert window == pytest.approx(best["valid_accuracy"], abs=1e-6)
    assert report["candidates"][0]["members"] == ["net"]
    assert not any("test" in row for row in report["candidates"])
    assert f"net: learnt from {18 - validation(report) - report['split']['test']} items" in said


def validation(report: Any) -> int:
    n: int = report["validation"]["clip"]["n"]
    return n


def test_songs_without_a_label_are_classified_as_the_model_file_does(done: Any) -> None:
    out, report, said = done
    with (out / "run" / "unlabelled.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    songs = sorted((out / "new songs").rglob("*.wav"))
    assert [Path(row["path"]) for row in rows] == songs
    classifier = Classifier(out / "m.genrewise")
    for row, song in zip(rows, songs, strict=True):
        answer = classifier.predict_file(song)
        assert row["genre"] == (answer.genre or "unknown")
        assert float(row["confidence"]) == pytest.approx(answer.confidence, abs=1e-5)
        p = [float(row[f"p_{label}"]) for label in report["data"]["labels"]]
        np.testing.assert_allclose(p, list(answer.probabilities.values()), atol=1e-5)
    # The list beside them is no music, which is said.
    assert sum(line.startswith("left out: ") and "manifest.csv" in line for line in said) == 1
    assert said[-1].endswith("unlabelled.csv")


def test_the_folder_holds_all_of_it(done: Any) -> None:
    out, _, _ = done
    found = {path.name for path in (out / "run").iterdir()}
    assert {
        "report.json", "report.html", "recipe.json", "split.csv", "predictions.csv", "figures",
        "unlabelled.csv",
    } <= found  # fmt: skip
    recipe = json.loads((out / "run" / "recipe.json").read_text(encoding="utf-8"))
    assert recipe["fit"]["choose"] == "holdout"
    assert recipe["protocol"] == "honest"


#: Figures of the clock.
CLOCK = {"minutes", "seconds"}


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key not in CLOCK}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def test_the_same_recipe_and_seed_give_the_same_report(
    done: Any, folder: Path, tmp_path: Path
) -> None:
    out, report, _ = done
    setting = f'data.unlabelled="{(out / "new songs").as_posix()}"'
    again = run_recipe(job_of(folder / "net.toml", tmp_path, setting))
    assert timeless(again) == timeless(report)
    for name in ("predictions.csv", "split.csv", "recipe.json", "unlabelled.csv"):
        first, second = (f / "run" / name for f in (out, tmp_path))
        assert first.read_bytes() == second.read_bytes()
    other = unpaged(job_of(folder / "net.toml", tmp_path, "fit.seed=1"))
    assert other["split"] == report["split"]
    assert other["history"]["net"][0]["train_loss"] != report["history"]["net"][0]["train_loss"]


# -- protocols


def test_a_run_by_the_published_protocol_counts_its_leaks(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    job = job_of(folder / "net.toml", tmp_path, protocol="published", say=said.append)
    report = unpaged(job)
    assert report["protocol"] == "published"
    assert report["split"]["rule"].startswith("windows at random, whatever track")
    # Two windows of each of 18 tracks: 7 in the test, 7 in the validation.
    assert (report["split"]["pool"], report["split"]["test"]) == (29, 7)
    assert report["leaks"]["of"] == 7
    assert 0 < report["leaks"]["tracks"] <= report["leaks"]["windows"] <= 7
    assert report["leaks"]["groups"] >= 1
    assert "test part opened: 7 windows, once" in said


def test_what_may_be_called_honest(folder: Path, tmp_path: Path, music: Path) -> None:
    ready = prepare(job_of(folder / "net.toml", tmp_path))
    honest = load(folder / "net.toml")
    assert protocol_of(honest, ready.looked) == "honest"
    assert protocol_of(load(folder / "net.toml", protocol="published"), ready.looked) == "published"
    shutil.copytree(music, tmp_path / "bare", ignore=shutil.ignore_patterns("manifest.csv"))
    setting = f'data.source="{(tmp_path / "bare").as_posix()}"'
    bare = prepare(job_of(folder / "net.toml", tmp_path, setting))
    assert protocol_of(honest, bare.looked) == "by file"


# -- weights to start from


def test_a_network_starts_from_the_weights_of_another_recipe(
    done: Any, folder: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    job = job_of(folder / "second.toml", tmp_path, say=said.append)
    report = unpaged(job)
    (weights,) = (tmp_path / "run").glob("start-net-*.npz")
    assert said.count("net starts from net, which is learnt first") == 1
    assert sum("test part opened" in line for line in said) == 1  # its own, not the first one's
    first, second = (found["history"]["net"][0] for found in (done[1], report))
    assert second["train_loss"] < first["train_loss"]
    with np.load(weights) as tensors:
        assert len(tensors.files) >= 4
    # Again in the same folder: what was learnt is there.
    state = weights.stat().st_mtime_ns
    again = unpaged(job)
    assert weights.stat().st_mtime_ns == state
    assert said.count("net starts from net, which is learnt first") == 1
    assert timeless(again) == timeless(report)
    # Of another recipe for the first one the weights are other ones.
    text = NET.replace("max_epochs = 2", "max_epochs = 1")
    (tmp_path / "net.toml").write_text(text.format(source=job.recipe.data.source))
    (tmp_path / "second.toml").write_text(SECOND)
    unpaged(job_of(tmp_path / "second.toml", tmp_path))
    assert len([*(tmp_path / "run").glob("start-net-*.npz")]) == 2


@pytest.mark.parametrize("setting", ["split.seed=3", 'fit.choose="folds"'])
def test_weights_that_have_heard_what_is_held_out_are_refused(
    setting: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "run", None)  # before anything is learnt
    with pytest.raises(LeakageError, match="second starts from net, which learns from") as caught:
        run_recipe(job_of(folder / "second.toml", tmp_path, setting))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ('[model.members.net]\nstart = "second.toml"', RecipeError, "starts from another"),
        (
            '[model]\ncandidates=[["other"]]\n[model.members.other]\nmodel="mlp"\n'
            'inputs=["timbre"]\nstart="net.toml"',
            UnknownName,
            r"no member of .*net\.toml named 'other'; expected one of net",
        ),
        ('[model.members.net]\nstart = "000/cn"', UnknownName, "Did you mean 000/cnn"),
        ('[model.members.net]\nstart = "none.toml"', RecipeError, "none.toml: No such file"),
    ],
)
def test_starts_that_lead_nowhere_are_refused(
    text: str, error: type[Exception], said: str, folder: Path, tmp_path: Path
) -> None:
    for name in ("net.toml", "second.toml"):
        shutil.copy(folder / name, tmp_path / name)
    (tmp_path / "third.toml").write_text(f'base = "net.toml"\nname = "third"\n{text}\n')
    with pytest.raises(error, match=said) as caught:
        run_recipe(job_of(tmp_path / "third.toml", tmp_path))
    assert "\n" not in str(caught.value)


def test_what_has_no_weights_is_nothing_to_start_from(folder: Path, tmp_path: Path) -> None:
    linear = NET.replace('model = "mlp"', 'model = "lda"')
    linear = re.sub("hidden.*max_epochs = 2", "shrinkage = 0.5", linear)
    source = load(folder / "net.toml").data.source
    (tmp_path / "net.toml").write_text(linear.format(source=source))
    text = NET.replace("[model.members.net]", '[model.members.net]\nstart = "net.toml"')
    (tmp_path / "second.toml").write_text(text.format(source=source).replace('"net"', '"second"'))
    with pytest.raises(RecipeError, match="net of net has no weights; expected a network"):
        unpaged(job_of(tmp_path / "second.toml", tmp_path))


# -- seeds and progress


def test_seeds_of_a_network_differ_where_the_split_does_not(
    folder: Path, music: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(music, tmp_path / "fixed")
    lines = (copy / "manifest.csv").read_text().splitlines()
    sides = ["train", "train", "valid", "valid", "test", "test"]
    rows = [f"{line},{sides[i % 6]}" for i, line in enumerate(lines[1:])]
    (copy / "manifest.csv").write_text("\n".join([lines[0] + ",split", *rows]))
    setting = f'data.source="{copy.as_posix()}"'
    found = seeds(job_of(folder / "net.toml", tmp_path, setting, "fit.folds=2"), 2)
    assert [row["seed"] for row in found["seeds"]] == [0, 1]
    assert [row["clip"]["n"] for row in found["seeds"]] == [6, 6]
    first, second = (row["clip"] for row in found["seeds"])
    assert first["ece"] != second["ece"]
    assert found["mean"]["clip"]["ece"] == pytest.approx((first["ece"] + second["ece"]) / 2)
    assert found["protocol"] == "honest"
    assert not (tmp_path / "m.genrewise").exists()


class Bar:
    def __init__(self, counts: list[int]) -> None:
        self.total, self.counts = 0, counts

    def update(self, done: int) -> None:
        self.counts.append(done)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_exception: object) -> None:
        pass


def test_the_epochs_of_a_network_are_its_progress(folder: Path, tmp_path: Path) -> None:
    shown: dict[str, list[int]] = {}

    def bar(title: str, _total: int) -> Any:
        return Bar(shown.setdefault(title, []))

    unpaged(job_of(folder / "net.toml", tmp_path, bar=bar))
    assert shown["epochs"] == [1, 2]
    assert watcher.get() is None


def test_the_split_of_a_run_reads_back(done: Any) -> None:
    out, report, _ = done
    dataset = read(report_source(out))
    split = read_split(out / "run" / "split.csv", dataset)
    assert len(split.test) == report["split"]["test"]
    assert len(split.valid) == validation(report)


def report_source(out: Path) -> str:
    recipe = json.loads((out / "run" / "recipe.json").read_text(encoding="utf-8"))
    source: str = recipe["data"]["source"]
    return source
