"""The model file: written whole, the same each time, found by name."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genrewise import bundle as bundles
from genrewise.bundle import Bundle, Calibration, Member, Unknown, find, list_models, needs, read
from genrewise.errors import BundleError, UnknownName

Tiny = Callable[..., Bundle]
DEEP = {
    "kind": "backbone",
    "backbone": "musicnn-msd",
    "layers": ["tags"],
    "summary": ["mean"],
    "hop": 187,
}


def test_a_round_trip(tmp_path: Path, tiny: Tiny) -> None:
    made = tiny(
        calibration=Calibration(1.7, "folds"),
        unknown=Unknown(0.4, 1.2),
        training={"data": "été", "nested": {"a": [1, 2.5, None]}},
        labels=("drum & bass", "ヒップホップ"),
    )
    path = bundles.write(made, tmp_path / "new" / "folder" / "x.genrewise")
    found = read(path)
    assert replace(found.info, files={}) == made.info
    assert dict(found.files) == dict(made.files)
    assert (found.card, len(found.digest)) == (made.card, 64)
    assert set(found.info.files) == {"tiny.onnx", "place.onnx", "card.md"}
    assert bundles.card(path) == "# Tiny\n"
    again = bundles.write(found, tmp_path / "again.genrewise")
    assert again.read_bytes() == path.read_bytes()


def test_the_same_contents_are_the_same_bytes(tmp_path: Path, tiny: Tiny) -> None:
    made = tiny()
    turned = replace(made, files=dict(reversed(made.files.items())))
    paths = [bundles.write(b, tmp_path / f"{i}") for i, b in enumerate([made, made, turned])]
    assert len({p.read_bytes() for p in paths}) == 1
    with zipfile.ZipFile(paths[0]) as archive:
        assert archive.namelist() == ["bundle.json", "card.md", "place.onnx", "tiny.onnx"]
        for entry in archive.infolist():
            assert (entry.compress_type, entry.create_system) == (zipfile.ZIP_STORED, 3)
            assert entry.date_time[:3] == (1980, 1, 1)


@given(
    temperature=st.floats(0.001, 1000),
    confidence=st.floats(0, 1),
    distance=st.floats(0, 1e6),
    text=st.text(st.characters(codec="utf-8"), max_size=50),
)
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # both hold nothing
)
def test_numbers_and_texts_come_back(
    tmp_path: Path, tiny: Tiny, temperature: float, confidence: float, distance: float, text: str
) -> None:
    made = tiny(
        calibration=Calibration(temperature, text),
        unknown=Unknown(confidence, distance),
        metrics={"note": text},
    )
    found = read(bundles.write(replace(made, card=text), tmp_path / "x"))
    assert (found.info.calibration, found.info.unknown) == (
        made.info.calibration,
        made.info.unknown,
    )
    assert (found.info.metrics, found.card) == ({"note": text}, text)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": "a/b"}, "the name 'a/b'"),
        ({"name": "../up"}, "the name"),
        ({"name": ""}, "the name ''"),
        ({"labels": ("a", "a")}, "2 labels; expected two different"),
        ({"labels": ("a",)}, "1 labels"),
        ({"members": ()}, "a label without a weight"),
        ({"members": (Member("tiny.onnx", ("s",), (1.0,)),)}, "weights of a member; expected 2"),
        ({"members": (Member("gone.onnx", ("s",), (1.0, 1.0)),)}, "no network 'gone.onnx'"),
        ({"metrics": {"f1": float("nan")}}, "plain values"),
        ({"metrics": {"f1": np.float32(1)}}, "plain values"),
        ({"metrics": {"f1": object()}}, "plain values"),
        ({"vote": 3}, "vote in bundle.json is 3; expected text"),
        ({"format": 2}, "format 2; expected at most 1"),
    ],
)
def test_what_could_not_be_read_is_not_written(
    tmp_path: Path, tiny: Tiny, changes: dict[str, Any], text: str
) -> None:
    path = tmp_path / "x.genrewise"
    path.write_bytes(b"old")
    with pytest.raises(BundleError, match=text) as caught:
        bundles.write(tiny(**changes), path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["a/b.onnx", "../x", "card.md", "bundle.json", "", ".x", "a\\b"])
def test_file_names_are_names(tmp_path: Path, tiny: Tiny, name: str) -> None:
    made = tiny()
    with pytest.raises(BundleError, match="a network's name without a path"):
        bundles.write(replace(made, files={**made.files, name: b""}), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path, tiny: Tiny) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file" / "x.genrewise", Path("/dev/null/x"), tmp_path):
        with pytest.raises(BundleError, match="a folder that can be written"):
            bundles.write(tiny(), path)


# --------------------------------------------------------------------- by name


@pytest.mark.usefixtures("cache")
def test_an_empty_cache_has_our_own_models() -> None:
    entries = {e.name: e for e in list_models()}
    small = entries["small-gtzan-v1"]
    assert (small.available, small.needs, small.error) == (True, (), "")
    assert small.bytes == Path(small.path).stat().st_size < 5_000_000
    assert len(small.labels) == 10
    assert find() == find("small-gtzan-v1") == Path(small.path)
    assert needs(small.path) == ()


def install(folder: Path, made: Bundle, name: str) -> Path:
    return bundles.write(made, folder / "models" / f"{name}.genrewise")


def test_the_users_models_are_found_by_the_name_of_the_file(cache: Path, tiny: Tiny) -> None:
    path = install(cache, tiny(), "renamed")
    assert find("renamed") == path
    entry = next(e for e in list_models() if e.name == "renamed")
    assert (entry.labels, entry.licence) == (("noise", "tone"), "Apache-2.0")
    assert entry.metrics == {"track": {"accuracy": 1.0}}
    with pytest.raises(UnknownName, match="Did you mean renamed"):
        find("renamd")


def test_ours_are_not_overlaid_by_the_users(cache: Path, tiny: Tiny) -> None:
    install(cache, tiny(), "small-gtzan-v1")
    assert cache not in find("small-gtzan-v1").parents
    assert [e.name for e in list_models()].count("small-gtzan-v1") == 1


def test_a_damaged_model_does_not_hide_the_others(cache: Path, tiny: Tiny) -> None:
    install(cache, tiny(), "good")
    (cache / "models" / "bad.genrewise").write_bytes(b"PK junk")
    (cache / "models" / "folder.genrewise").mkdir()
    (cache / "models" / "gone.genrewise").symlink_to(cache / "nowhere")
    entries = {e.name: e for e in list_models()}
    assert entries["good"].available
    for name, text in [
        ("bad", "bad.genrewise: not a readable model file"),
        ("folder", "not a file"),
        ("gone", "no such file"),
    ]:
        assert not entries[name].available
        assert entries[name].labels == ()
        assert text in entries[name].error
        assert "\n" not in entries[name].error


def test_the_best_model_that_can_answer(
    cache: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large one that lacks its backbone, or is damaged, leaves the small one to answer."""
    folder = cache / "ours"
    monkeypatch.setattr(bundles, "model_folders", lambda: (folder,))
    with pytest.raises(BundleError, match="no model is installed"):
        find()
    small = bundles.write(tiny(), folder / "small-gtzan-v1.genrewise")
    large = folder / "musicnn-gtzan-v1.genrewise"
    assert find() == small
    bundles.write(
        tiny(inputs={"s": tiny().info.inputs["s"], "d": DEEP}, fingerprints={"s": "a", "d": "b"}),
        large,
    )
    assert needs(large) == ("musicnn-msd",)
    assert find() == small
    (cache / "backbones").mkdir()
    (cache / "backbones" / "musicnn-msd.onnx").write_bytes(b"12345")
    assert needs(large) == ()
    assert find() == large
    entry = next(e for e in list_models() if e.name == "musicnn-gtzan-v1")
    assert (entry.available, entry.bytes) == (True, large.stat().st_size + 5)
    large.write_bytes(b"damaged")
    assert find() == small


def test_a_name_that_is_also_a_file(
    cache: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = install(cache, tiny(), "both")
    Path("both").write_bytes(b"a song of that name")
    assert find("both") == named
    assert find("./both") == Path("both")
    Path("mine").write_bytes(b"a file alone")
    assert find("mine") == find(Path("mine")) == Path("mine")


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", ["nothing", "a\0b", "x" * 5000, "..", " ", "small-gtzan-v2"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(UnknownName, match="no model named"):
        find(name)


@pytest.mark.parametrize("path", ["gone.genrewise", "folder/gone", "a\0b.genrewise", "/"])
def test_files_that_are_none(path: str) -> None:
    for look in (read, needs):
        with pytest.raises(BundleError):
            look(find(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.genrewise")
    for look in (read, needs):
        with pytest.raises(BundleError, match="not a file"):
            look(tmp_path / "pipe.genrewise")


def test_an_endless_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.genrewise"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(BundleError, match="larger than 536870912 bytes"):
        read(path)
    with pytest.raises(BundleError, match="not a file"):
        read("/dev/zero")
