"""A recipe from its data to what it leaves: files, figures, refusals."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrewise import bundle as bundles
from genrewise import engine
from genrewise.errors import DatasetError, LeakageError, ParityError, RecipeError, UnknownName
from genrewise.inference import Classifier
from genrewise.training import export, models
from genrewise.training.default import recipe_for
from genrewise.training.job import Job, find_source, run_recipe, seeds
from genrewise.training.splits import checksum, read_split

Make = Callable[..., Any]

QUICK = ("fit.folds=2", "model.candidates=[]", 'model.members={m={model="lda",inputs=["timbre"]}}')


def job_for(source: Path | str, folder: Path, *settings: str, **more: Any) -> Job:
    """A quick job by one process; `more` changes what it says and where it writes."""
    recipe = recipe_for(str(source), "mine", fast=True, settings=(*QUICK, *settings))
    job = Job(recipe, "mine", folder / "mine.genrewise", folder / "report", workers=1)
    return replace(job, **more)


@pytest.fixture(scope="module")
def done(
    music: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], list[str]]:
    """One whole run: its folder, its report, what it said."""
    folder = tmp_path_factory.mktemp("done")
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENREWISE_CACHE", str(shared_cache))
        report = run_recipe(job_for(music, folder, say=said.append))
    return folder, report, said


def test_a_run_leaves_everything(done: Any) -> None:
    folder, report, _ = done
    names = {path.name for path in (folder / "report").iterdir()}
    assert {
        "recipe.json",
        "report.json",
        "report.html",
        "split.csv",
        "predictions.csv",
        "table.tex",
        "figures",
    } <= names
    assert json.loads((folder / "report" / "report.json").read_text(encoding="utf-8")) == report
    assert json.loads((folder / "report" / "recipe.json").read_text())["fit"]["folds"] == 2
    assert (folder / "mine.genrewise").stat().st_size == report["bundle"]["bytes"]
    assert report["bundle"]["parity"] < 1e-4


def test_the_report_tells_data_split_choice_and_figures(done: Any) -> None:
    _, report, said = done
    assert report["data"]["clips"] == 18
    assert report["data"]["groups"] == 9
    assert report["data"]["labels"] == ["metal", "techno", "waltz"]
    assert report["data"]["failed"] == []
    assert report["split"]["pool"] + report["split"]["test"] == 18
    assert report["protocol"] == "honest"
    assert report["chosen"] == ["m"]
    for part in ("validation", "test"):
        assert list(report[part]) == ["window", "clip", "track"]
    assert report["test"]["track"]["accuracy"] == 1.0
    assert report["log"] == [line for line in said if line in report["log"]]
    assert sum("test part opened" in line for line in report["log"]) == 1
    assert "python" in report["environment"]


def test_the_split_is_a_file_that_reads_back(done: Any, music: Path) -> None:
    from genrewise.training.datasets import read

    folder, report, _ = done
    dataset = read(music)
    split = read_split(folder / "report" / "split.csv", dataset)
    assert checksum(dataset, split) == report["split"]["checksum"]


def test_predictions_hold_every_window_clip_and_track(done: Any) -> None:
    folder, report, _ = done
    with (folder / "report" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for part in ("validation", "test"):
        for level in ("window", "clip", "track"):
            own = [r for r in rows if (r["part"], r["level"]) == (part, level)]
            assert len(own) == report[part][level]["n"]
            right = np.mean([r["truth"] == r["answer"] for r in own])
            assert right == pytest.approx(report[part][level]["accuracy"])
    p = [float(rows[0][f"p_{label}"]) for label in report["data"]["labels"]]
    assert sum(p) == pytest.approx(1, abs=1e-3)


def test_the_page_stands_alone_and_names_every_level(done: Any) -> None:
    folder, report, _ = done
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    for level in ("window", "clip", "track"):
        assert f"by {level}" in page
    for label in report["data"]["labels"]:
        assert label in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "<script src" not in page
    assert "Data: three genres" in page
    assert {".png", ".svg"} <= {p.suffix for p in (folder / "report" / "figures").iterdir()}


def test_the_bundle_carries_card_metrics_and_training(done: Any) -> None:
    folder, report, _ = done
    made = bundles.read(folder / "mine.genrewise")
    assert made.info.name == "mine"
    assert made.info.labels == ("metal", "techno", "waltz")
    assert made.info.metrics["track"]["accuracy"] == report["test"]["track"]["accuracy"]
    assert made.info.training["split"] == report["split"]["checksum"]
    assert made.card.startswith("# mine")


def test_the_bundle_is_right_about_music_that_it_never_heard(done: Any, tmp_path: Path) -> None:
    from genrewise.training.datasets.synthetic import generate

    folder, _, _ = done
    fresh = generate(tmp_path / "fresh", 4, 4.0, seed=77, genres=("metal", "techno", "waltz"))
    classifier = Classifier(folder / "mine.genrewise")
    found = [
        max((p := classifier.predict_file(file).probabilities), key=p.__getitem__)
        == file.parent.name
        for file in sorted(fresh.glob("*/*.wav"))
    ]
    assert len(found) == 12
    assert np.mean(found) >= 0.9


VARIES = ("minutes", "environment", "version")


@pytest.mark.usefixtures("cache")
def test_the_same_again_gives_the_same_report(done: Any, music: Path, tmp_path: Path) -> None:
    _, report, _ = done
    again = run_recipe(job_for(music, tmp_path))
    assert {k: v for k, v in again.items() if k not in VARIES} == {
        k: v for k, v in report.items() if k not in VARIES
    }


@pytest.mark.usefixtures("cache")
def test_nothing_is_decoded_twice(
    done: Any, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert done
    given: list[Any] = []
    run = engine.run

    def counted(setup: Any, items: Any, **how: Any) -> Any:
        given.extend(items)
        return run(setup, items, **how)

    monkeypatch.setattr(engine, "run", counted)
    run_recipe(job_for(music, tmp_path, out=None))
    assert given == []
    assert not (tmp_path / "mine.genrewise").exists()


@pytest.mark.usefixtures("cache")
def test_unreadable_files_are_listed_and_the_rest_is_learnt(music: Path, tmp_path: Path) -> None:
    folder = tmp_path / "with é and blanks"
    shutil.copytree(music, folder)
    (folder / "manifest.csv").unlink()
    (folder / "techno" / "broken.mp3").write_bytes(b"words, not music. " * 40)
    (folder / "waltz" / "none.flac").write_bytes(b"")
    soundfile.write(folder / "metal" / "short.wav", np.zeros(100), 22050)
    said: list[str] = []
    report = run_recipe(job_for(folder, tmp_path, say=said.append))
    failed = dict(report["data"]["failed"])
    assert set(failed) == {"techno/broken.mp3", "waltz/none.flac", "metal/short.wav"}
    assert all(why and str(tmp_path) not in why for why in failed.values())
    assert report["split"]["pool"] + report["split"]["test"] == 18
    assert report["test"]["clip"]["accuracy"] > 0.6
    assert "3 files could not be read" in bundles.read(tmp_path / "mine.genrewise").card


@pytest.mark.usefixtures("cache")
def test_where_nothing_can_be_read_the_reason_is_told(tmp_path: Path) -> None:
    for genre in ("a", "b"):
        (tmp_path / "m" / genre).mkdir(parents=True)
        for k in range(3):
            (tmp_path / "m" / genre / f"{k}.mp3").write_bytes(b"words, not music. " * 40)
    with pytest.raises(DatasetError, match=r"m: no file could be read: .*expected audio files"):
        run_recipe(job_for(tmp_path / "m", tmp_path))


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("setting", "error", "said"),
    [
        ('data.labels=["techno"]', DatasetError, "one genre only, techno"),
        ('data.labels=["techno","walz"]', UnknownName, "Did you mean waltz"),
        ('data.group_by="artits"', UnknownName, "Did you mean artist"),
        ('data.source=""', RecipeError, "a recipe without data"),
        ('data.source="nowhere"', DatasetError, "nowhere: no such folder"),
        ('features.timbre.kind="statistic"', UnknownName, "Did you mean statistics"),
        ("features.timbre.size=3", UnknownName, "size"),
        ('model.members.m.model="ldaa"', UnknownName, "Did you mean lda"),
        ("model.members.m.params={shrink=1}", RecipeError, "Did you mean shrinkage"),
    ],
)
def test_what_is_wrong_is_said_before_any_file_is_decoded(
    music: Path,
    tmp_path: Path,
    setting: str,
    error: type[Exception],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from genrewise.training import prepare

    monkeypatch.setattr(prepare, "extract_dataset", None)
    with pytest.raises(error, match=said) as caught:
        run_recipe(job_for(music, tmp_path, setting))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "mine.genrewise").exists()


@pytest.mark.usefixtures("cache")
def test_pictures_are_no_music(tmp_path: Path) -> None:
    for genre in ("a", "b"):
        (tmp_path / "m" / genre).mkdir(parents=True)
        (tmp_path / "m" / genre / "1.png").write_bytes(b"a picture")
    said = (
        "m: a data set of pictures for the input timbre, statistics; expected a data set of music"
    )
    with pytest.raises(DatasetError, match=said):
        run_recipe(job_for(tmp_path / "m", tmp_path))


@pytest.mark.usefixtures("cache")
def test_a_manifest_whose_split_leaks_is_refused(music: Path, tmp_path: Path) -> None:
    folder = tmp_path / "leaking"
    shutil.copytree(music, folder)
    lines = (folder / "manifest.csv").read_text().splitlines()
    parts = [f"{line},{'test' if i % 2 else 'train'}" for i, line in enumerate(lines[1:])]
    (folder / "manifest.csv").write_text("\n".join([lines[0] + ",split", *parts]))
    with pytest.raises(LeakageError, match="stands on two sides"):
        run_recipe(job_for(folder, tmp_path))


@pytest.mark.usefixtures("cache")
def test_copies_across_a_fixed_split_are_refused(music: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(music, folder)
    first = next((folder / "waltz").iterdir())
    shutil.copy(first, folder / "waltz" / "again.wav")
    rows = ["path,label,group,split"]
    for genre in ("metal", "techno", "waltz"):
        for k, file in enumerate(sorted((folder / genre).iterdir())):
            part = "test" if file.name == "again.wav" or k > 4 else "train"
            part = "train" if file == first else part
            rows.append(f"{genre}/{file.name},{genre},{file.stem},{part}")
    (folder / "manifest.csv").write_text("\n".join(rows))
    with pytest.raises(LeakageError, match=r"again\.wav"):
        run_recipe(job_for(folder, tmp_path))


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("part", "low", "high", "fails"),
    [("test", 0.9, 1.0, False), ("test", 0.0, 0.5, True), ("validation", 0.0, 0.1, True)],
)
def test_a_figure_outside_what_is_expected_is_refused(
    music: Path, tmp_path: Path, part: str, low: float, high: float, fails: bool
) -> None:
    job = job_for(music, tmp_path, f'expect={{"{part}/clip/accuracy"=[{low}, {high}]}}')
    if not fails:
        run_recipe(job)
        return
    with pytest.raises(
        DatasetError, match=rf"{part}/clip/accuracy is [01]\.\d{{4}}; expected 0 to"
    ):
        run_recipe(job)
    assert not (tmp_path / "mine.genrewise").exists()
    assert (tmp_path / "report" / "report.html").exists()


@pytest.mark.usefixtures("cache")
def test_expecting_what_is_not_measured_is_refused(music: Path, tmp_path: Path) -> None:
    job = job_for(music, tmp_path, "split.test=0.0", 'expect={"test/clip/accuracy"=[0, 1]}')
    with pytest.raises(DatasetError, match="test/clip/accuracy is not measured"):
        run_recipe(job)


@pytest.mark.usefixtures("cache")
def test_a_model_file_that_answers_otherwise_is_refused(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole bundle is held against the fitted model as a stranger would load it."""
    good = export.to_onnx

    def wrong(_estimator: Any, x: Any, n: int) -> bytes:
        other = models.make("lda", n)
        rng = np.random.default_rng(0)
        noise = rng.normal(size=(30, x.shape[1])).astype(np.float32) + x
        return good(other.fit(noise, np.arange(30) % n), x, n)

    monkeypatch.setattr(export, "to_onnx", wrong)
    monkeypatch.setattr(export, "check_parity", lambda *_: 0.0)
    (tmp_path / "mine.genrewise").write_bytes(b"an older model")
    with pytest.raises(ParityError, match=r"mine: probabilities differ by .*; expected at most"):
        run_recipe(job_for(music, tmp_path))
    assert (tmp_path / "mine.genrewise").read_bytes() == b"an older model"
    assert not list(tmp_path.glob("report/*.genrewise"))


@pytest.mark.usefixtures("cache")
def test_seeds_measure_and_write_no_model(music: Path, tmp_path: Path) -> None:
    found = seeds(job_for(music, tmp_path, out=None), 2)
    assert [row["seed"] for row in found["seeds"]] == [0, 1]
    for level in ("clip", "track"):
        both = [row[level]["weighted_f1"] for row in found["seeds"]]
        assert found["mean"][level]["weighted_f1"] == pytest.approx(np.mean(both))
        assert all(row[level]["interval"] for row in found["seeds"])
    assert json.loads((tmp_path / "report" / "seeds.json").read_text()) == found
    assert found["failed"] == []
    with pytest.raises(DatasetError, match="seed 0: no test part"):
        seeds(job_for(music, tmp_path, "split.test=0.0", out=None), 2)


@pytest.mark.usefixtures("cache")
def test_seeds_of_a_fixed_split_are_refused(music: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fixed"
    shutil.copytree(music, folder)
    lines = (folder / "manifest.csv").read_text().splitlines()
    parts = [f"{line},{'test' if i % 6 > 3 else 'train'}" for i, line in enumerate(lines[1:])]
    (folder / "manifest.csv").write_text("\n".join([lines[0] + ",split", *parts]))
    with pytest.raises(DatasetError, match="2 seeds of a split that the data set fixes"):
        seeds(job_for(folder, tmp_path, out=None), 2)


@pytest.mark.usefixtures("cache")
def test_what_libraries_warn_of_is_said_in_a_line(music: Path, tmp_path: Path) -> None:
    said: list[str] = []
    logistic = 'model.members={m={model="logistic",inputs=["timbre"],params={max_iter=1}}}'
    run_recipe(job_for(music, tmp_path, logistic, out=None, say=said.append))
    warned = [line for line in said if "converge" in line]
    assert len(warned) == 1
    assert warned[0].startswith("warning: ")
    assert "\n" not in warned[0]


def test_a_source_is_also_looked_for_below_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store" / "songs").mkdir(parents=True)
    assert find_source("songs") == "songs"
    monkeypatch.setenv("GENREWISE_DATA", str(tmp_path / "store"))
    assert find_source("songs") == str(tmp_path / "store" / "songs")
    (tmp_path / "songs").mkdir()
    assert find_source("songs") == "songs"
    assert find_source("synthetic") == "synthetic"


class Bars:
    """Stands in for the progress line: which were shown and how far each came."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, int | None, list[int]]] = []

    def __call__(self, title: str, total: int) -> Any:
        shown, counts = self.shown, list[int]()

        class Bar:
            def __enter__(self) -> Any:
                self.total: int | None = total
                return self

            def update(self, done: int) -> None:
                counts.append(done)

            def __exit__(self, *_exception: object) -> None:
                shown.append((title, self.total, counts))

        return Bar()


def test_progress_covers_all_that_takes_time(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path / "new cache"))
    bars = Bars()
    run_recipe(job_for(music, tmp_path, bar=bars))
    everything = list(range(1, 19))
    assert bars.shown == [
        ("files looked at", 18, everything),
        ("files", 18, everything),
        ("fits", 2, [1, 2]),
        ("fits", 2, [1, 2]),
    ]
