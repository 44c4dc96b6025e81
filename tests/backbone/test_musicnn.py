"""The network's graph: equal to the reference, independent of the batch, gated by parity."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import onnx
import onnxruntime
import pytest

from genrewise.backbone import fetch, musicnn
from genrewise.backbone.musicnn import FRONT_END, MSD_TAGS, MTT_TAGS, OUTPUTS, PATCH
from genrewise.backbone.reference import forward
from genrewise.errors import MissingExtra, ParityError
from genrewise.features.frontend import log_mel


def start(network: bytes | str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def music(seed: int, n: int) -> Any:
    """Patches with the range of log-mel spectra."""
    return np.random.default_rng(seed).gamma(2.0, 1.0, (n, *PATCH)).astype(np.float32)


@pytest.fixture(scope="module")
def network(weights: dict[str, Any]) -> bytes:
    return musicnn.build(weights)


@pytest.fixture(scope="module")
def session(network: bytes) -> Any:
    return start(network)


# ------------------------------------------------------------------ the graph


def test_inputs_and_outputs(session: Any) -> None:
    assert [(i.name, i.shape, i.type) for i in session.get_inputs()] == [
        ("patches", ["N", 187, 96], "tensor(float)")
    ]
    assert {o.name: o.shape[1] for o in session.get_outputs()} == OUTPUTS
    assert {o.shape[0] for o in session.get_outputs()} == {"N"}


def test_graph_equals_reference(session: Any, weights: dict[str, Any]) -> None:
    patches = music(0, 3)
    patches[1] *= 0.05
    patches[2, 50:90] = 0.0
    found = dict(zip(OUTPUTS, session.run(list(OUTPUTS), {"patches": patches}), strict=True))
    for i, patch in enumerate(patches):
        for name, expected in forward(patch, weights).items():
            unit = max(1.0, np.abs(expected).max())
            assert np.abs(found[name][i] - expected).max() < 3e-6 * unit, name


@pytest.mark.parametrize("value", [0.0, 7.5])
def test_silence_and_the_loudest_are_finite(
    session: Any, weights: dict[str, Any], value: float
) -> None:
    patch = np.full((1, *PATCH), value, dtype=np.float32)
    found = session.run(["tags"], {"patches": patch})[0]
    assert np.abs(found[0] - forward(patch[0], weights)["tags"]).max() < 1e-5


def test_values_do_not_depend_on_the_batch(session: Any) -> None:
    patches = music(1, 5)
    together = session.run(list(OUTPUTS), {"patches": patches})
    for i in range(len(patches)):
        alone = session.run(list(OUTPUTS), {"patches": patches[i : i + 1]})
        for a, b in zip(together, alone, strict=True):
            assert np.abs(a[i] - b[0]).max() < 1e-5 * max(1.0, np.abs(b).max())


def test_the_order_of_patches_is_kept(session: Any) -> None:
    patches = music(2, 4)
    forth = session.run(["tags"], {"patches": patches})[0]
    back = session.run(["tags"], {"patches": patches[::-1].copy()})[0]
    np.testing.assert_allclose(forth, back[::-1], atol=1e-6)
    assert np.abs(forth[0] - forth[1]).max() > 1e-3


def test_the_graph_is_the_same_each_time(network: bytes, weights: dict[str, Any]) -> None:
    assert musicnn.build(weights) == network


def test_the_graph_names_what_old_runtimes_read(network: bytes) -> None:
    made = onnx.load_from_string(network)
    assert made.ir_version == 8
    assert [(o.domain, o.version) for o in made.opset_import] == [("", 18)]
    assert made.producer_name == "genrewise"
    assert len(network) < 5_000_000


def test_without_onnx_the_extra_is_named(
    weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"genrewise\[backbone\]"):
        musicnn.build(weights)


def test_two_threads_give_the_values_of_one(network: bytes, session: Any) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    other = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    patches = music(3, 2)
    one = session.run(["tags"], {"patches": patches})[0]
    np.testing.assert_allclose(other.run(["tags"], {"patches": patches})[0], one, atol=1e-6)


def test_the_values_do_not_depend_on_the_optimiser(network: bytes, session: Any) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    patches = music(4, 2)
    one = session.run(["tags"], {"patches": patches})[0]
    np.testing.assert_allclose(plain.run(["tags"], {"patches": patches})[0], one, atol=2e-6)


@pytest.mark.parametrize("shape", [(1, 186, 96), (1, 187, 95), (187, 96)])
def test_a_patch_of_another_shape_is_refused(session: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        session.run(["tags"], {"patches": np.zeros(shape, dtype=np.float32)})


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_hardly_grows_with_the_batch(network: bytes, tmp_path: Path) -> None:
    """The front end's intermediate values (29 MB a patch) must not stand side by side."""
    (tmp_path / "n.onnx").write_bytes(network)
    code = f"""
import numpy as np, onnxruntime, re
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession({str(tmp_path / "n.onnx")!r}, options)
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
sizes = []
for n in (2, 34):
    session.run(["tags"], {{"patches": np.zeros((n, 187, 96), np.float32)}})
    sizes.append(peak())
print((sizes[1] - sizes[0]) / 32)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 4.0


# ------------------------------------------------------------------ the gate


def test_parity_is_small(network: bytes, weights: dict[str, Any]) -> None:
    assert 0 < musicnn.check_parity(network, weights) < 2e-6
    assert musicnn.check_parity(network, weights, seed=1) < 2e-6


@pytest.mark.parametrize(
    "changed",
    [
        "conv2d/kernel",
        "conv2d_1/bias",
        "conv2d_3/kernel",
        "batch_normalization_6/beta",
        "batch_normalization_9/moving_mean",
        "dense/kernel",
        "dense_1/bias",
    ],
)
def test_other_weights_are_no_parity(network: bytes, weights: dict[str, Any], changed: str) -> None:
    other = dict(weights)
    other[changed] = weights[changed] + np.float32(0.01)
    with pytest.raises(ParityError, match=r"converted network's .* differ by"):
        musicnn.check_parity(network, other)


def test_nan_is_no_parity(weights: dict[str, Any]) -> None:
    broken = dict(weights)
    broken["dense_1/bias"] = np.full(50, np.nan, dtype=np.float32)
    with pytest.raises(ParityError, match="tags differ by inf"):
        musicnn.check_parity(musicnn.build(broken), weights)


# ------------------------------------------------------------------ what goes in


def test_front_end_equals_librosa() -> None:
    rng = np.random.default_rng(5)
    y = (0.3 * rng.standard_normal(48_000) * np.linspace(0, 1, 48_000)).astype(np.float32)
    S = librosa.feature.melspectrogram(
        y=y, sr=16000, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect"
    )
    found = log_mel(y, FRONT_END)
    assert found.shape == (188, 96)
    np.testing.assert_allclose(found, np.log10(10000 * S + 1).T, atol=2e-5)


def test_a_patch_is_three_seconds() -> None:
    assert (187, FRONT_END.n_mels) == PATCH
    assert PATCH[0] / FRONT_END.frame_rate == pytest.approx(2.992)


def test_tags() -> None:
    for tags in (MSD_TAGS, MTT_TAGS):
        assert len(tags) == len(set(tags)) == OUTPUTS["tags"]
    assert MSD_TAGS[0] == "rock"
    assert MSD_TAGS[33] == "Hip-Hop"
    assert MSD_TAGS[-1] == "happy"
    assert MTT_TAGS[1] == "classical"
    assert MTT_TAGS[-1] == "choral"


# ------------------------------------------------------------------ the authors' weights

#: First eight tags that the authors' own graph gives, run by TensorFlow 2.21 from the
#: checkpoint of musicnn 0.1.0 on two patches: numpy's generator of seed 20190704,
#: gamma(2, 1) of shape (2, 187, 96), times 0.3 and 1.
AUTHORS = {
    "musicnn-msd": [
        [0.07219, 0.021131, 0.053712, 0.02602, 0.329676, 0.030541, 0.036787, 0.009179],
        [0.000659, 0.000077, 0.002354, 0.0, 0.003644, 0.00006, 0.001501, 0.010136],
    ],
    "musicnn-mtt": [
        [0.001381, 0.001949, 0.029545, 0.054906, 0.008559, 0.032279, 0.071048, 0.000162],
        [0.000293, 0.000002, 0.000001, 0.056263, 0.000108, 0.068606, 0.007778, 0.000003],
    ],
}


def cached(name: str) -> str:
    if not fetch.available(name):
        pytest.skip(f"{name} is not in the cache: genrewise models get fetches it")
    return str(fetch.path(name))


@pytest.mark.parametrize("name", list(AUTHORS))
def test_tags_equal_those_of_the_authors_graph(name: str) -> None:
    scale = np.array([0.3, 1.0])[:, None, None]
    patches = np.random.default_rng(20190704).gamma(2.0, 1.0, (2, *PATCH)) * scale
    found = start(cached(name)).run(["tags"], {"patches": patches.astype(np.float32)})[0]
    np.testing.assert_allclose(found[:, :8], AUTHORS[name], rtol=0, atol=3e-6)


def test_the_cached_file_says_whose_it_is() -> None:
    note = json.loads(Path(cached("musicnn-msd")).with_suffix(".json").read_text("utf-8"))
    assert note["licence"] == "ISC"
    assert note["source"] == "musicnn==0.1.0"
    assert "Permission to use, copy, modify" in note["notice"]
    assert note["largest_tag_difference"] < 2e-6


def test_tags_of_real_music_equal_the_table(shared_data: Path) -> None:
    import soundfile
    import soxr

    session = start(cached("musicnn-msd"))
    table = np.load(shared_data / "tables" / "gtzan_musicnn_tags_train.npz")
    for track in ("jazz.00015", "metal.00062"):
        file = shared_data / "gtzan" / track.split(".")[0] / f"{track}.opus"
        y, sr = soundfile.read(file, dtype="float32")
        frames = log_mel(soxr.resample(y, sr, FRONT_END.sr), FRONT_END)
        expected = table["tags"][table["track"] == track]
        # The table's windows start every 61 frames.
        starts = [61 * i for i in range(len(expected))]
        patches = np.stack([frames[s : s + PATCH[0]] for s in starts])
        found = session.run(["tags"], {"patches": patches})[0]
        # The table was made from the original, this from a copy at 28 kbit/s.
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95
        assert np.abs(found.mean(axis=0) - expected.mean(axis=0)).mean() < 0.01
