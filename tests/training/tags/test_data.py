"""The collections as one pool, and the whole command on small ones made here."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrewise import bundle
from genrewise.errors import DatasetError
from genrewise.inference import Classifier
from genrewise.labels import LABEL_SETS
from genrewise.training.tags import __main__ as command
from genrewise.training.tags.build import NAME
from genrewise.training.tags.data import collect, loops

SR = 16000
GENRES = LABEL_SETS["gtzan-10"].labels
TECHNO = LABEL_SETS["techno-7"].labels


def backbone() -> bytes:
    """A network with the inputs and outputs of musicnn: mean over time, then projections."""
    from onnx import TensorProto, helper, numpy_helper

    sizes = {"tags": 50, "penultimate": 200, "pooled": 1506}
    rng = np.random.default_rng(7)
    nodes = [helper.make_node("ReduceMean", ["patches"], ["m"], axes=[1], keepdims=0)]
    held, answers = [], []
    for layer, n in sizes.items():
        weights = rng.normal(0, 0.3, (96, n)).astype(np.float32)
        held.append(numpy_helper.from_array(weights, f"w_{layer}"))
        raw = f"z_{layer}" if layer == "tags" else layer
        nodes.append(helper.make_node("MatMul", ["m", f"w_{layer}"], [raw]))
        answers.append(helper.make_tensor_value_info(layer, TensorProto.FLOAT, ["n", n]))
    nodes.append(helper.make_node("Sigmoid", ["z_tags"], ["tags"]))
    patches = helper.make_tensor_value_info("patches", TensorProto.FLOAT, ["n", 187, 96])
    graph = helper.make_graph(nodes, "tiny", [patches], answers, held)
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="tests")
    return bytes(model.SerializeToString())


def sound(kind: int, seed: int, seconds: float) -> Any:
    """Notes about a pitch of the kind's own."""
    rng = np.random.default_rng([kind, seed])
    t = np.arange(round(seconds * SR)) / SR
    pitch = 110.0 * 2 ** (kind / 3) * rng.uniform(0.97, 1.03)
    return (0.3 * np.sin(2 * np.pi * pitch * t) + 0.02 * rng.normal(size=len(t))).astype("f4")


def write(folder: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A manifest and the sounds that it names; the second column tells the sound."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    kinds = sorted({row[1] for row in rows})
    for i, row in enumerate(rows):
        path = folder / row[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        seconds = float(row[-1]) if header[-1] == "seconds" else 3.2
        soundfile.write(path, sound(kinds.index(row[1]), i, seconds), SR)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a little of everything, a cache, and free music."""
    place = tmp_path_factory.mktemp("data")
    data, network = place / "data", place / "cache" / "backbones" / "musicnn-msd.onnx"
    network.parent.mkdir(parents=True)
    network.write_bytes(backbone())
    columns = ("path", "label", "group", "split", "track")
    rows = [
        (f"{g}/{g}.{i:05d}.wav", g, f"{g} by {min(i, 3)}", split, f"{g}.{i:05d}")
        for g in GENRES
        for i, split in enumerate(("train", "train", "valid", "valid", ""))
    ]
    write(data / "gtzan", columns, rows)
    # Two tracks of disco of which there are tag vectors alone, one by an artist who is known.
    with (data / "gtzan" / "index.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("track", "group"), ("disco.00050", "disco by 0"),
                                    ("disco.00051", "")])  # fmt: skip
    (data / "tables").mkdir()
    np.savez(
        data / "tables" / "gtzan_musicnn_tags_train.npz",
        tags=np.full((24, 50), 0.2, dtype=np.float32),
        label=np.full(24, sorted(GENRES).index("disco")),
        track=np.array(["disco.00050"] * 16 + ["disco.00051"] * 8),
    )
    songs = [
        (f"{t}/{t}{i}.wav", t, f"song {t} {i}", f"song {t} {i}") for t in TECHNO for i in range(3)
    ]
    write(data / "hard-techno", ("path", "label", "group", "track"), songs)
    write(
        data / "loops",
        ("path", "label", "group"),
        [(f"{g}/{i}.wav", g, f"{g}/{i}") for g in ("blues", "jazz", "rock") for i in range(6)],
    )
    free = [("p/a.wav", "ambient", "A", "p/a", "3.2"), ("p/b.wav", "metal", "B", "p/b", "66"),
            ("p/c.wav", "", "C", "p/c", "3.2")]  # fmt: skip
    write(place / "free", ("path", "label", "group", "track", "seconds"), free)
    return place


@pytest.fixture
def place(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENREWISE_DATA", str(made / "data"))
    monkeypatch.setenv("GENREWISE_CACHE", str(made / "cache"))
    return made


def test_what_is_collected(place: Path) -> None:
    said: list[str] = []
    pool = collect(str(place / "free"), 1, said.append)
    kinds = Counter(zip(pool.sets, pool.kinds, strict=True))
    assert kinds["gtzan", "blues"] == 4  # the fifth is in no list
    assert kinds["gtzan", "disco"] == 6
    assert kinds["hard-techno", "techno"] == 15
    assert kinds["hard-techno", "electronic"] == 3  # old-school hardstyle
    assert sum(n for (name, _), n in kinds.items() if name == "hard-techno") == 18
    assert kinds["free-music", "ambient"] == kinds["free-music", "metal"] == 1
    assert len(pool) == 40 + 2 + 18 + 2
    assert said[:3] == [
        "gtzan: 40 tracks",
        "gtzan: tag vectors of 2 further tracks",
        "hard-techno: 18 tracks",
    ]
    assert pool.x.shape[1] == 250
    assert set(pool.track) == set(range(len(pool)))


def test_a_minute_from_the_middle_of_free_music(place: Path) -> None:
    pool = collect(str(place / "free"), 1)
    at = pool.tracks.index("p/b")
    assert pool.kinds[at] == "metal"
    assert (pool.track == at).sum() == 11  # sixty seconds in windows of ten, every five


@pytest.mark.usefixtures("place")
def test_tag_vectors_know_their_artists() -> None:
    pool = collect("", 1)
    known, alone = pool.tracks.index("disco.00050"), pool.tracks.index("disco.00051")
    assert pool.groups[known] == "gtzan/disco by 0"
    assert pool.groups[known] == pool.groups[pool.tracks.index("disco.00000")]
    assert pool.groups[alone] == "gtzan/disco.00051"
    assert not pool.audio[[known, alone]].any()
    assert pool.audio.sum() == len(pool) - 2
    rows = pool.x[pool.track == known]
    assert len(rows) == 2
    assert np.allclose(rows[:, :50], 0.2)
    assert not rows[:, 50:].any()


@pytest.mark.usefixtures("place")
def test_loops_are_another_collection() -> None:
    pool = loops(1)
    assert set(pool.sets) == {"loops"}
    assert Counter(pool.kinds) == {"blues": 6, "jazz": 6, "rock": 6}


@pytest.mark.usefixtures("place")
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "free"
    write(
        folder,
        ("path", "label", "group", "track", "seconds"),
        [("a.wav", "rock", "A", "a", "3.2"), ("b.wav", "rock", "B", "b", "3.2")],
    )
    (folder / "b.wav").write_bytes(b"no music at all")
    said: list[str] = []
    pool = collect(str(folder), 1, said.append)
    assert [t for s, t in zip(pool.sets, pool.tracks, strict=True) if s == "free-music"] == ["a"]
    assert any(line.startswith("free-music: b.wav: ") for line in said)


@pytest.mark.usefixtures("place")
def test_a_word_that_the_table_does_not_know_is_refused(tmp_path: Path) -> None:
    rows = [("a.wav", "polka", "A", "a", "3.2"), ("b.wav", "rock", "B", "b", "3.2")]
    write(tmp_path / "free", ("path", "label", "group", "track", "seconds"), rows)
    with pytest.raises(DatasetError, match="a label 'polka'; expected one of ambient, blues"):
        collect(str(tmp_path / "free"), 1)


def test_one_command_makes_the_model(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["-o", str(tmp_path / "out"), "--free", str(place / "free"), "--workers", "1"]
    assert command.main(arguments) == 0
    made = bundle.read(tmp_path / "out" / f"{NAME}.genrewise")
    assert len(made.info.labels) == 22
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["data"]["tracks"] == 62
    assert report["bundle"] == {"bytes": (tmp_path / "out" / f"{NAME}.genrewise").stat().st_size}
    assert set(report["elsewhere"]) == {"loops", "free-music"}
    assert "wrote " in capsys.readouterr().err.splitlines()[-1]
    found = Classifier(tmp_path / "out" / f"{NAME}.genrewise").predict_file(
        place / "data" / "gtzan" / "metal" / "metal.00000.wav"
    )
    assert len(found.probabilities) == 22
    assert found.nearest[0].track == "metal.00000"
    again = tmp_path / "again"
    assert command.main(["-o", str(again), *arguments[2:]]) == 0
    assert (again / f"{NAME}.genrewise").read_bytes() == made_bytes(tmp_path / "out")


def made_bytes(folder: Path) -> bytes:
    return (folder / f"{NAME}.genrewise").read_bytes()


def test_without_the_data_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GENREWISE_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert command.main(["-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("Error: gtzan: ")
    assert not (tmp_path / "out").exists()
