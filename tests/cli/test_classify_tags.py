"""``genrewise classify`` and others with a model that gives several genres at once."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from genrewise import bundle
from genrewise.bundle import Bundle, BundleInfo, Member, Tag
from genrewise.cli import group
from genrewise.features.statistics import names
from genrewise.inputs import make_input

#: Noise and tone by the rate of zero crossings; hiss is a kind of noise.
LABELS = ("hiss", "noise", "tone")
LINES = ((20.0, -13.0), (30.0, -13.5), (-30.0, 13.5))


def network() -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    weights = np.zeros((len(names()), 3), dtype=np.float32)
    weights[names().index("spectral_zcr_mean")] = [slope for slope, _ in LINES]
    bias = np.array([shift for _, shift in LINES], dtype=np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w", "b"], ["z"]),
            helper.make_node("Sigmoid", ["z"], ["probabilities"]),
        ],
        "tags",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", len(names())])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="tests")
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def tags(tmp_path_factory: pytest.TempPathFactory) -> str:
    spec = make_input({"kind": "statistics"}).to_json()
    info = BundleInfo(
        name="heard",
        labels=LABELS,
        label_set="",
        licence="Apache-2.0",
        inputs={"statistics": spec},
        fingerprints={"statistics": make_input(spec).fingerprint()},
        windows={"length": 3.0, "hop": 3.0, "tail": "shift", "silence_db": -60.0},
        members=(Member("tags.onnx", ("statistics",), (1.0,) * 3),),
        multi_label=True,
        tags={
            "hiss": Tag(0.3, True, "noise"),
            "noise": Tag(0.5, True),
            "tone": Tag(0.5, False),
        },
    )
    path = tmp_path_factory.mktemp("tags") / "heard.genrewise"
    return str(bundle.write(Bundle(info, {"tags.onnx": network()}, "# Heard\n"), path))


def call(tags: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "genrewise", "classify", "--model", tags, *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.usefixtures("songs")
def test_the_table_shows_all_that_a_file_bears(tags: str) -> None:
    done = call(tags, "m")
    assert done.returncode == 0, done.stderr
    heading, first, second, third = done.stdout.splitlines()
    assert heading.split() == ["genres", "next", "length", "file"]
    assert first.startswith("tone 1.00 ")
    assert first.endswith("m/a tone.wav")
    assert second.startswith("hiss 0.")
    assert ", noise 1.00  " in second
    assert third.startswith("tone")
    assert done.stderr == "3 files: 3 ok; passed over 1 that are no audio\n"


@pytest.mark.usefixtures("songs")
def test_top_is_how_many_at_the_most(tags: str) -> None:
    (row,) = call(tags, "--top", "1", "m/below/noise.flac").stdout.splitlines()[1:]
    assert row.startswith("hiss 0.")
    assert ", noise" not in row
    found = list(csv.DictReader(io.StringIO(call(tags, "--csv", "m/below/noise.flac").stdout)))
    assert found[0]["genres"] == "hiss; noise"
    assert (found[0]["label_1"], found[0]["label_2"]) == ("hiss", "noise")


@pytest.mark.usefixtures("songs")
def test_the_fixed_interface_stays_and_genres_follow(tags: str) -> None:
    record = json.loads(call(tags, "--jsonl", "m/below/noise.flac").stdout)
    assert list(record)[:9] == [
        "path", "status", "genre", "confidence", "probabilities", "seconds", "elapsed", "model",
        "genres",
    ]  # fmt: skip
    assert record["genre"] == "hiss"
    assert record["genres"] == ["hiss", "noise"]
    assert list(record["probabilities"]) == list(LABELS)
    assert record["confidence"] == record["probabilities"]["hiss"]
    assert record["runner_up"] == "noise"


@pytest.mark.usefixtures("songs")
def test_least_confidence_and_time(tags: str) -> None:
    record = json.loads(call(tags, "--jsonl", "--min-confidence", "1", "m/z.ogg").stdout)
    assert (record["genre"], record["genres"], record["reason"]) == (None, [], "low confidence")
    text = call(tags, "--timeline", "m/z.ogg").stdout
    assert "     0:00.0 –  0:04.0  tone" in text
    assert "    decided by " in text


def test_a_failed_file_has_no_genres(tags: str, tmp_path: Path) -> None:
    done = call(tags, "--jsonl", str(tmp_path / "gone.wav"))
    record = json.loads(done.stdout)
    assert (record["status"], record["genre"], record["genres"]) == ("failed", None, [])
    assert done.returncode == 1


def test_evaluate_says_why_it_does_not(tags: str, songs: Path) -> None:
    found = CliRunner().invoke(group, ["evaluate", tags, str(songs / "m")])
    assert found.exit_code == 2
    line = found.stderr.splitlines()[-1]
    assert line == (
        "Error: heard gives several genres at once; expected a model that gives one."
        " For its figures run: genrewise models show heard"
    )


def test_it_is_listed_shown_and_plays_the_demo(tags: str) -> None:
    assert CliRunner().invoke(group, ["models", "show", tags]).stdout == "# Heard\n"
    done = subprocess.run(
        [sys.executable, "-m", "genrewise", "demo", "--json", "--model", tags],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(set(record["genres"]) <= set(LABELS) for record in json.loads(done.stdout))
