"""``genrewise train`` and ``genrewise run`` as a stranger types them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genrewise.cli import main
from genrewise.training.datasets.synthetic import generate
from genrewise.training.models import MODELS, parameters
from genrewise.training.recipe import names

GENRES = ("metal", "techno", "waltz")
Train = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder a genre, six tracks each, without a manifest."""
    folder = tmp_path_factory.mktemp("music") / "Meine Musik é ☃"
    generate(folder, 6, 4.0, genres=GENRES, tracks_per_artist=2)
    (folder / "manifest.csv").unlink()
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENREWISE_CACHE", str(cache))


def call(*args: str | Path, code: int = 0) -> None:
    assert main(list(map(str, args))) == code


QUICK = ("--set", "fit.folds=2", "--workers", "1")


# ------------------------------------------------------------------ to the end


def test_one_command_from_a_folder_to_a_model_that_is_right(music: Path, tmp_path: Path) -> None:
    """In processes of their own: train, then classify, then evaluate."""
    fresh = generate(tmp_path / "fresh", 3, 5.0, seed=9, genres=GENRES, tracks_per_artist=1)
    target = tmp_path / "out é" / "my genres.genrewise"
    program = [sys.executable, "-m", "genrewise"]
    started = time.monotonic()
    done = subprocess.run(
        [*program, "train", music, "-o", target], capture_output=True, text=True, check=False
    )
    elapsed = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    assert elapsed < 60  # some 5 s by itself; the machine of the tests is busy
    report = target.with_name("my genres-report")
    assert done.stderr.splitlines()[-1] == f"report: {report / 'report.html'}"
    assert "each is its own group" in done.stderr
    parts = [line.split()[:2] for line in done.stdout.splitlines()[1:]]
    assert parts == [[p, x] for p in ("validation", "test") for x in ("window", "clip", "track")]
    assert (report / "report.html").stat().st_size > 50_000
    files = sorted(fresh.glob("*/*.wav"))
    heard = subprocess.run(
        [*program, "classify", "--jsonl", "--model", target, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    answers = [json.loads(line) for line in heard.stdout.splitlines()]
    best = [max(a["probabilities"], key=a["probabilities"].get) for a in answers]
    right = [a == f.parent.name for a, f in zip(best, files, strict=True)]
    assert sum(right) >= 8
    assert {a["model"] for a in answers} == {"my-genres"}
    scored = subprocess.run(
        [*program, "evaluate", target, fresh, "--json"], capture_output=True, text=True, check=False
    )
    assert scored.returncode == 0
    assert json.loads(scored.stdout)["clip"]["accuracy"] == pytest.approx(sum(right) / 9)


def test_the_report_as_json(music: Path, tmp_path: Path, capsys: Any) -> None:
    call("train", music, "-o", tmp_path / "m.genrewise", "--json", *QUICK)
    report = json.loads(capsys.readouterr().out)
    assert report["test"]["track"]["n"] > 0
    assert report["name"] == "m"
    stored = json.loads((tmp_path / "m-report" / "report.json").read_text(encoding="utf-8"))
    assert report.keys() == stored.keys()
    assert report["split"] == stored["split"]
    for part in ("validation", "test"):
        assert report[part]["clip"]["accuracy"] == pytest.approx(stored[part]["clip"]["accuracy"])


def test_the_ending_of_the_model_file_is_added(music: Path, tmp_path: Path) -> None:
    call("train", music, "-o", tmp_path / "my.v2", "--fast", *QUICK)
    assert (tmp_path / "my.v2.genrewise").is_file()
    assert (tmp_path / "my.v2-report" / "report.html").is_file()


#: Those that learn from vectors; networks are tried by the recipes that they are made for.
VECTORS = [name for name in MODELS if "max_epochs" not in parameters(name)]


@pytest.mark.parametrize("model", VECTORS)
def test_every_kind_of_classifier_trains_and_ships(
    model: str, music: Path, tmp_path: Path, capsys: Any
) -> None:
    few = ("--set", "model.members.knn.params.n_neighbors=3") if model == "knn" else ()
    call("train", music, "-o", tmp_path / "m.genrewise", "--model", model, *few, "--json", *QUICK)
    report = json.loads(capsys.readouterr().out)
    assert report["chosen"] == [model]
    assert report["bundle"]["parity"] < 1e-4
    if model not in {"xgboost", "lightgbm", "gradient-boosting"}:  # these need more than 18 clips
        assert report["validation"]["clip"]["accuracy"] > 0.8


def test_a_network_trains_and_ships(music: Path, tmp_path: Path, capsys: Any) -> None:
    args = ("--model", "mlp", "--set", "model.members.mlp.params.max_epochs=15", "--json")
    call("train", music, "-o", tmp_path / "m.genrewise", *args, *QUICK)
    report = json.loads(capsys.readouterr().out)
    assert report["bundle"]["parity"] < 1e-4
    page = (tmp_path / "m-report" / "report.html").read_text(encoding="utf-8")
    assert "curves" in page or "epoch" in page


def test_labels_are_a_subset_in_the_order_given(music: Path, tmp_path: Path, capsys: Any) -> None:
    args = ("--labels", "waltz, metal", "--group-by", "file", "--json")
    call("train", music, "-o", tmp_path / "m.genrewise", *args, *QUICK)
    report = json.loads(capsys.readouterr().out)
    assert report["data"]["labels"] == ["waltz", "metal"]
    assert report["data"]["clips"] == 12


def test_a_manifest_with_groups(music: Path, tmp_path: Path, capsys: Any) -> None:
    rows = ["path;label;artist"]
    rows += [
        f"{file};{file.parent.name};{file.parent.name}{int(file.stem[-5:]) // 2}"
        for file in sorted(music.glob("*/*.wav"))
    ]
    manifest = tmp_path / "my list.csv"
    manifest.write_text("\n".join(rows), encoding="utf-8")
    args = ("--group-by", "artist", "--json")
    call("train", manifest, "-o", tmp_path / "m.genrewise", *args, *QUICK)
    report = json.loads(capsys.readouterr().out)
    assert report["data"]["groups"] == 9
    assert report["test"]["clip"]["groups"] == report["test"]["clip"]["n"] // 2


def test_seeds_measure_without_a_model(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    call("train", music, "--seeds", "2", *QUICK)
    out, err = capsys.readouterr()
    rows = [line.split()[:3] for line in out.splitlines()[1:]]
    assert rows == [["seed", str(s), x] for s in (0, 1) for x in ("clip", "track")]
    assert "mean of 2: weighted F1" in err
    assert [p.name for p in tmp_path.iterdir()] == ["model-seeds"]


# ------------------------------------------------------------------ what goes wrong


def refused(capsys: Any, *args: str | Path, code: int = 2) -> str:
    """The last line, after checking that there is no traceback and no second complaint."""
    call(*args, code=code)
    lines = str(capsys.readouterr().err).splitlines()
    assert not any("Traceback" in line or "internal error" in line for line in lines)
    said = [line for line in lines if line.startswith("Error: ")]
    assert len(said) <= 1
    return lines[-1]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--set", "fit.fold=3"], "Did you mean folds?"),
        (["--set", "split.tets=0.3"], "Did you mean test?"),
        (["--set", "fit.folds"], "expected key=value"),
        (["--set", "vote.rule=loudest"], "vote.rule"),
        (["--model", "svm"], "Did you mean svc?"),
        (["--labels", "waltz,tecno"], "Did you mean techno?"),
        (["--labels", "waltz"], "one genre only, waltz"),
        (["--group-by", "artits"], "Did you mean artist"),
        (["--model", "knn", "--set", "model.members.knn.params.k=3"], "no parameter 'k'"),
        (["--workers", "-1"], "workers"),
    ],
)
def test_wrong_options_are_one_line(
    args: list[str], said: str, music: Path, tmp_path: Path, capsys: Any
) -> None:
    assert said in refused(capsys, "train", music, "-o", tmp_path / "m.genrewise", *args)
    assert not (tmp_path / "m.genrewise").exists()


def test_without_a_target_it_says_what_to_type(music: Path, capsys: Any) -> None:
    assert "Give one: -o NAME.genrewise" in refused(capsys, "train", music)


def folder_of(where: Path, music: Path, **counts: int) -> Path:
    """Some files of each genre."""
    for genre, n in counts.items():
        (where / genre).mkdir(parents=True)
        for file in sorted((music / genre).iterdir())[:n]:
            shutil.copy(file, where / genre)
    return where


@pytest.mark.parametrize(
    ("counts", "code", "said"),
    [
        ({"techno": 2, "waltz": 2}, 0, "report: "),
        ({"techno": 3, "waltz": 3}, 0, "report: "),
        ({"techno": 6, "waltz": 2}, 0, "report: "),
        ({"techno": 6, "waltz": 6, "metal": 1}, 0, "report: "),
        ({"techno": 1, "waltz": 1}, 2, "two or more in at least two genres"),
        ({"techno": 6}, 2, "one genre only, techno"),
        ({}, 2, "no music"),
    ],
)
def test_small_folders(
    counts: dict[str, int], code: int, said: str, music: Path, tmp_path: Path, capsys: Any
) -> None:
    folder = folder_of(tmp_path / "m", music, **counts)
    folder.mkdir(exist_ok=True)
    target = tmp_path / "m.genrewise"
    last = refused(capsys, "train", folder, "-o", target, "--workers", "1", code=code)
    assert said in last
    assert target.exists() == (code == 0)


def test_all_files_in_one_group(music: Path, tmp_path: Path, capsys: Any) -> None:
    rows = [f"{f},{f.parent.name},various" for f in sorted(music.glob("*/*.wav"))]
    manifest = tmp_path / "list.csv"
    manifest.write_text("\n".join(["path,label,group", *rows]), encoding="utf-8")
    last = refused(capsys, "train", manifest, "-o", tmp_path / "m.genrewise", *QUICK)
    assert "too few groups" in last
    assert "--group-by file" in last
    call("train", manifest, "-o", tmp_path / "m.genrewise", "--group-by", "file", *QUICK)


def test_unreadable_files_make_the_exit_code_and_a_model(
    music: Path, tmp_path: Path, capsys: Any
) -> None:
    folder = folder_of(tmp_path / "m", music, techno=6, waltz=6)
    (folder / "techno" / "bad one.mp3").write_bytes(b"words, not music. " * 30)
    target = tmp_path / "m.genrewise"
    last = refused(capsys, "train", folder, "-o", target, *QUICK, code=1)
    assert last.startswith("left out: techno/bad one.mp3: ")
    assert target.is_file()
    call("train", folder, "-o", target, "--json", *QUICK, code=1)
    report = json.loads(capsys.readouterr().out)
    assert [path for path, _ in report["data"]["failed"]] == ["techno/bad one.mp3"]


def test_data_that_a_model_cannot_take_is_one_line(
    music: Path, tmp_path: Path, capsys: Any
) -> None:
    target = tmp_path / "m.genrewise"
    last = refused(capsys, "train", music, "-o", target, "--model", "cnn-000", *QUICK)
    assert "cnn-000" in last
    last = refused(capsys, "train", music, "-o", target, "--model", "knn", *QUICK)
    assert "n_neighbors 10 with" in last


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(music: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    refused(capsys, "train", music, "-o", tmp_path / "locked" / "m.genrewise", code=1)


def test_a_file_where_the_report_should_be(music: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "m-report").write_text("a file")
    last = refused(capsys, "train", music, "-o", tmp_path / "m.genrewise", code=1)
    assert "m-report: File exists" in last


@pytest.mark.parametrize("module", ["sklearn", "pydantic", "matplotlib", "onnx", "skl2onnx"])
def test_a_missing_library_is_said_before_the_work(
    module: str, music: Path, tmp_path: Path
) -> None:
    code = f"""
import sys
sys.modules[{module!r}] = None
from genrewise.cli import main
sys.exit(main(["train", sys.argv[1], "-o", sys.argv[2]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, music, tmp_path / "m.genrewise"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert f"(no module '{module}" in done.stderr
    assert 'Run: pip install "genrewise[train]"' in done.stderr
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ interrupted


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many") / "music"
    return generate(folder, 12, 5.0, genres=GENRES, tracks_per_artist=3)


def kept(cache: Path, what: str) -> dict[str, int]:
    """What was kept so far, and the number of each file: another one if it was written anew."""
    files = cache.glob(f"{what}/??/*.npz")
    return {path.name: path.stat().st_ino for path in files}


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="signals to groups of processes")
@pytest.mark.parametrize(
    ("how", "what"), [("SIGINT", "scans"), ("SIGINT", "features"), ("SIGKILL", "features")]
)
def test_what_was_done_is_kept_and_the_same_command_goes_on(
    how: str, what: str, many: Path, tmp_path: Path
) -> None:
    cache, target = tmp_path / "cache", tmp_path / "m.genrewise"
    command = [sys.executable, "-m", "genrewise", "train", many, "-o", target, *QUICK]
    env = {**os.environ, "GENREWISE_CACHE": str(cache)}
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
    )
    until = time.monotonic() + 60
    while len(kept(cache, what)) < 5:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.002)
    if how == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    else:
        process.kill()
    code = process.wait(20)
    assert process.stderr is not None
    said = process.stderr.read().splitlines()
    process.stderr.close()
    if how == "SIGINT":
        assert code == 130
        assert said[-1] == "interrupted"
        assert not any("Traceback" in line for line in said)
    before = kept(cache, what)
    assert 5 <= len(before) < 36
    assert not target.exists()
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    after = kept(cache, what)
    assert len(after) == 36
    assert {name: after[name] for name in before} == before
    assert target.is_file()


# ------------------------------------------------------------------ recipes


@pytest.mark.parametrize("name", [name for name in names() if name.startswith("models/")])
def test_the_models_recipes_run_in_seconds_anywhere(name: str, tmp_path: Path, capsys: Any) -> None:
    """Without a backbone in the cache statistics stand in for it."""
    call("run", name, "--fast", "-o", tmp_path, "--json", "--workers", "2")
    report = json.loads(capsys.readouterr().out)
    assert report["test"]["clip"]["accuracy"] > 0.9
    assert report["test"]["clip"]["n"] == 7
    model = name.rpartition("/")[2]
    assert (tmp_path / f"{model}.genrewise").is_file()
    assert (tmp_path / "report.html").is_file()


@pytest.mark.parametrize("name", ["models/musicnn-gtzan-v1"])
def test_a_recipe_runs_with_its_backbone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.delenv("GENREWISE_CACHE")
    from genrewise.cache import cache_dir

    backbone = cache_dir() / "backbones" / "musicnn-msd.onnx"
    if not backbone.is_file():
        pytest.skip("no backbone in the cache: genrewise models get musicnn-msd")
    (tmp_path / "cache" / "backbones").mkdir(parents=True)
    for file in backbone.parent.glob("musicnn-msd.*"):
        shutil.copy(file, tmp_path / "cache" / "backbones")
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path / "cache"))
    small = 'data.source="synthetic:tracks_per_genre=6,seconds=4,tracks_per_artist=2,genres=3"'
    args = ("--fast", "--set", small, "--json", "--workers", "2")
    call("run", name, "-o", tmp_path / "out", *args)
    report = json.loads(capsys.readouterr().out)
    assert report["test"]["clip"]["accuracy"] > 0.5
    resolved = json.loads((tmp_path / "out" / "recipe.json").read_text())
    assert resolved["features"]["deep"]["kind"] == "backbone"


def test_a_recipe_of_ones_own(music: Path, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        f'name = "mine-v3"\n[data]\nsource = "{music}"\n[features]\nx = {{kind = "statistics"}}\n'
        '[windows]\nlength = 2.0\nhop = 1.0\n[model.members.a]\nmodel = "lda"\ninputs = ["x"]\n'
        '[fit]\nfolds = 3\n[expect]\n"test/clip/accuracy" = [0.5, 1.0]\n',
        encoding="utf-8",
    )
    call("run", file, "-o", tmp_path / "out", "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["validation"]["window"]["n"] > report["validation"]["clip"]["n"]
    assert (tmp_path / "out" / "mine-v3.genrewise").is_file()
    low = 'expect={"test/clip/accuracy"=[0.0, 0.1]}'
    last = refused(capsys, "run", file, "-o", tmp_path / "again", "--set", low)
    assert re.search(r"mine-v3: test/clip/accuracy is 1\.0000; expected 0 to 0\.1", last)
    assert not (tmp_path / "again" / "mine-v3.genrewise").exists()


def test_protocols(tmp_path: Path, capsys: Any) -> None:
    args = ("run", "models/small-gtzan-v1", "-o", tmp_path / "out")
    last = refused(capsys, *args, "--protocol", "published")
    assert last == (
        "Error: models/small-gtzan-v1 has no published protocol; expected --protocol honest"
    )
    assert "kind" in refused(capsys, *args, "--protocol", "kind")
    assert not (tmp_path / "out").exists()


def test_wrong_names_of_recipes(tmp_path: Path, capsys: Any) -> None:
    last = refused(capsys, "run", "models/smal-gtzan-v1", "-o", tmp_path)
    assert "Did you mean models/small-gtzan-v1" in last
    assert "No such file" in refused(capsys, "run", tmp_path / "no.toml", "-o", tmp_path)
