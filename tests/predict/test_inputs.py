"""One pass over a track: the same windows whatever the blocks, rates and neighbours."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise import inputs
from genrewise.errors import AudioError, BundleError, RecipeError, UnknownName
from genrewise.features.frontend import FrontEnd, log_mel
from genrewise.input_kinds import levelled
from genrewise.inputs import Extracted, Input, backbone_path, extract, extract_samples, make_input
from genrewise.windows import Span, WindowRule, spans

SR = 22050
MEL = FrontEnd(sr=16000, n_fft=512, hop_length=256, n_mels=32)
SPECS: dict[str, dict[str, Any]] = {
    "s": {"kind": "statistics"},
    "m": {"kind": "log-mel", "frontend": MEL.to_json(), "n_frames": 100},
}
DEEP: dict[str, Any] = {
    "kind": "backbone",
    "backbone": "musicnn-msd",
    "layers": ["penultimate", "tags"],
    "summary": ["mean", "std"],
    "hop": 93,
}
RULE = WindowRule(3.0, 1.5)


def made(**more: dict[str, Any]) -> dict[str, Input]:
    return {name: make_input(spec) for name, spec in {**SPECS, **more}.items()}


def music(seconds: float, sr: int = SR) -> Any:
    rng = np.random.default_rng(5)
    t = np.arange(round(seconds * sr)) / sr
    y = 0.02 * rng.standard_normal(len(t))
    for frequency in rng.uniform(80, 3000, 6):
        y += 0.1 * np.sin(2 * np.pi * frequency * t) * np.sin(np.pi * rng.uniform(0.1, 3) * t) ** 2
    return y.astype(np.float32)


def in_blocks(y: Any, sizes: list[int], kinds: dict[str, Input], rule: WindowRule) -> Extracted:
    """Extract from blocks of the given sizes, the last repeated."""
    blocks, i = [], 0
    while i < len(y):
        size = sizes[min(len(blocks), len(sizes) - 1)]
        blocks.append(y[i : i + size])
        i += size
    return inputs._windows_of(blocks, SR, kinds, rule)


def alike(a: Extracted, b: Extracted) -> None:
    assert a.windows == b.windows
    assert a.arrays.keys() == b.arrays.keys()
    for name, array in a.arrays.items():
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, b.arrays[name], rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(a.levels, b.levels, atol=1e-3)


@pytest.mark.parametrize("tail", ["shift", "pad", "drop"])
@pytest.mark.parametrize("sizes", [[1000], [SR], [7, 50_000], [SR * 10], [SR * 8, 1, 1, SR]])
@pytest.mark.usefixtures("backbone")
def test_blocks_of_any_size_give_the_same(sizes: list[int], tail: Any) -> None:
    y, kinds = music(17.3), made(deep=DEEP)
    rule = WindowRule(3.0, 1.5, tail)
    alike(in_blocks(y, sizes, kinds, rule), in_blocks(y, [len(y)], kinds, rule))


@given(
    st.lists(st.integers(200, 300_000), min_size=1, max_size=12),
    st.floats(0.15, 30),
    st.floats(0.3, 12),
    st.floats(0.2, 20),
    st.sampled_from(["shift", "pad", "drop"]),
)
@settings(max_examples=25, deadline=None)
def test_a_stream_equals_the_whole(
    sizes: list[int], seconds: float, length: float, hop: float, tail: Any
) -> None:
    y, kinds, rule = music(seconds), made(), WindowRule(length, hop, tail)
    found = in_blocks(y, sizes, kinds, rule)
    alike(found, in_blocks(y, [len(y)], kinds, rule))
    assert found.windows == spans(len(y) / SR, rule)
    assert found.seconds == len(y) / SR


def test_windows_hold_the_rows_of_their_seconds() -> None:
    """Against the log-mel spectrogram of the whole, cut by hand."""
    y = music(9.0, 16000)
    S = log_mel(y, MEL)
    found = extract_samples(y, 16000, made(), WindowRule(2.0, 2.0, "drop"))
    assert found.arrays["m"].shape == (4, 1, 32, 100)
    for k, span in enumerate(found.windows):
        first = int(np.ceil(span.start * 62.5))
        np.testing.assert_allclose(found.arrays["m"][k, 0], S[first : first + 100].T, atol=1e-3)


def test_a_short_window_is_repeated_to_fill_a_picture() -> None:
    found = extract_samples(music(0.64, 16000), 16000, made(), RULE)
    picture = found.arrays["m"][0, 0]
    np.testing.assert_array_equal(picture[:, 40:80], picture[:, :40])


def test_features_do_not_depend_on_what_else_is_asked() -> None:
    y = music(8.0)
    both = extract_samples(y, SR, made(), RULE)
    for name, spec in SPECS.items():
        alone = extract_samples(y, SR, {name: make_input(spec)}, RULE)
        np.testing.assert_array_equal(alone.arrays[name], both.arrays[name])


def test_levels_are_those_of_the_windows() -> None:
    y = np.concatenate([music(3.0), np.zeros(3 * SR, np.float32), 0.1 * music(3.0)])
    found = extract_samples(y, SR, made(), WindowRule(3.0, 3.0))
    expected = 10 * np.log10(np.mean(y[: 3 * SR].astype(float) ** 2))
    assert found.levels[0] == pytest.approx(expected, abs=1e-3)
    assert found.levels[1] == -np.inf
    assert found.levels[2] == pytest.approx(expected - 20, abs=1e-3)


@pytest.mark.parametrize("sr", [8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 192_000])
def test_sample_rates(sr: int) -> None:
    """What lies below 4 kHz is the same at every rate."""
    t = np.arange(4 * sr) / sr
    y = (0.3 * np.sin(2 * np.pi * 440 * t) * np.sin(np.pi * t)).astype(np.float32)
    found = extract_samples(y, sr, made(), RULE)
    assert found.seconds == 4.0
    assert found.windows == (Span(0, 3), Span(1, 4))
    reference = extract_samples(
        (
            0.3
            * np.sin(2 * np.pi * 440 * np.arange(4 * SR) / SR)
            * np.sin(np.pi * np.arange(4 * SR) / SR)
        ).astype(np.float32),
        SR,
        made(),
        RULE,
    )
    low = found.arrays["m"][:, :, 2:6], reference.arrays["m"][:, :, 2:6]
    np.testing.assert_allclose(low[0][..., 3:90], low[1][..., 3:90], atol=0.5)  # dB


# ------------------------------------------------------------------ odd samples


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, 3e38, -1e7])
def test_samples_that_are_no_sound_count_as_lost(bad: float) -> None:
    y = music(6.0)
    y[1000:1441] = 0.0
    clean = extract_samples(y, SR, made(), RULE)
    hurt = y.copy()
    hurt[1000:1441] = bad
    found = extract_samples(hurt, SR, made(), RULE)
    assert (found.partial, found.lost) == (True, pytest.approx(441 / SR))
    assert (hurt[1000:1441] == np.float32(bad)).all() or np.isnan(bad)  # the caller's own
    for name, array in clean.arrays.items():
        np.testing.assert_array_equal(array, found.arrays[name])
    assert (clean.partial, clean.lost) == (False, 0.0)


@pytest.mark.parametrize("bad", [np.nan, 1e25])
def test_a_file_of_such_samples_is_partial(tmp_path: Path, bad: float) -> None:
    y = music(3.0)
    y[:4410] = bad
    soundfile.write(tmp_path / "a.wav", y, SR, subtype="FLOAT")
    found = extract(tmp_path / "a.wav", made(), RULE)
    assert found.partial
    assert found.lost == pytest.approx(0.2, abs=1e-3)
    assert all(np.isfinite(a).all() for a in found.arrays.values())


def test_sixteen_bit_numbers_as_floats_pass() -> None:
    y = music(4.0)
    plain, large = (extract_samples(x, SR, made(), RULE) for x in (y, y * 32768))
    assert (large.partial, large.lost) == (False, 0.0)
    np.testing.assert_allclose(large.arrays["s"], plain.arrays["s"], atol=5e-3, rtol=5e-3)


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (np.zeros((2, SR), np.float32), r"shape \(2, 22050\); expected one dimension"),
        (np.zeros((SR, 1), np.float32), "mean of the channels"),
        (np.float32(0.5), r"shape \(\)"),
        (np.zeros(SR, np.int16), "type int16; .* Divide integers"),
        (np.zeros(SR, complex), "type complex128"),
        (["a", "b"], "type <U1"),
        ([[1.0], [1.0, 2.0]], "type object"),
        (None, "type object"),
        (np.zeros(0, np.float32), "0.000 s of audio"),
        (np.zeros(SR // 20, np.float32), "0.050 s of audio; expected at least 0.1 s"),
    ],
)
def test_samples_that_are_refused(y: Any, text: str) -> None:
    with pytest.raises(AudioError, match=text) as caught:
        extract_samples(y, SR, made(), RULE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sr", [0, -22050, 999, 800_000, 22050.5, np.nan, np.inf, "fast", None])
def test_rates_that_are_refused(sr: Any) -> None:
    with pytest.raises(AudioError, match=r"a sample rate of .* 1000 to 768000 Hz"):
        extract_samples(music(1.0), sr, made(), RULE)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_of_any_width_and_any_steps(dtype: Any) -> None:
    y = music(4.0)
    found = extract_samples(np.repeat(y, 2).astype(dtype)[::2], np.int64(SR), made(), RULE)
    expected = extract_samples(y.astype(dtype).astype(np.float32).tolist(), SR, made(), RULE)
    np.testing.assert_allclose(found.arrays["s"], expected.arrays["s"], atol=1e-4)


def test_a_front_end_without_padding_needs_a_frame() -> None:
    unpadded = {**MEL.to_json(), "n_fft": 8192, "center": False}
    kinds = made(u={"kind": "log-mel", "frontend": unpadded, "n_frames": 10})
    with pytest.raises(AudioError, match=r"0\.500 s of audio; expected at least 0\.512 s"):
        extract_samples(music(0.5, 16000), 16000, kinds, RULE)
    assert extract_samples(music(0.52), SR, kinds, RULE).arrays["u"].shape == (1, 1, 32, 10)


# ------------------------------------------------------------------------ files


def test_a_file_gives_what_its_samples_give(tmp_path: Path) -> None:
    y = music(25.0)
    soundfile.write(tmp_path / "a.wav", y, SR, subtype="FLOAT")
    found = extract(tmp_path / "a.wav", made(), RULE)
    alike(found, extract_samples(y, SR, made(), RULE))
    assert (found.stated, found.lost, found.partial) == (25.0, 0.0, False)
    part = extract(tmp_path / "a.wav", made(), RULE, start=5.0, duration=10.0)
    alike(part, extract_samples(y[5 * SR : 15 * SR], SR, made(), RULE))


def test_a_file_that_is_too_short_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "blip.wav", music(0.05), SR)
    with pytest.raises(AudioError, match=r"blip\.wav: 0\.050 s of audio"):
        extract(tmp_path / "blip.wav", made(), RULE)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(minutes: int) -> int:
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", 8000, 1) as file:
            for _ in range(minutes):
                file.write(music(60.0, 8000))
        tracemalloc.start()
        try:
            found = extract(path, {"s": make_input(SPECS["s"])}, WindowRule(10.0, 10.0))
            assert len(found.windows) == 6 * minutes
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short, long = peak(2), peak(10)
    assert long < 1.1 * short + 48 * 648 * 4 * 2 + 1e6  # the windows' own arrays, and a little


# ------------------------------------------------------------- inputs as values


@pytest.mark.parametrize("spec", [*SPECS.values(), DEEP], ids=["statistics", "log-mel", "backbone"])
def test_inputs_round_trip(spec: dict[str, Any]) -> None:
    one = make_input(spec)
    two = make_input(one.to_json())
    assert two.to_json() == one.to_json()
    assert two.fingerprint() == one.fingerprint()


def test_fingerprints_are_those_in_the_shipped_models() -> None:
    assert make_input(SPECS["s"]).fingerprint() == "e173308909e0"
    others = {make_input({**DEEP, "hop": hop}).fingerprint() for hop in (1, 93, 187)}
    assert len(others) == 3


@pytest.mark.parametrize(
    ("spec", "kind", "text"),
    [
        ({"kind": "statistic"}, UnknownName, "Did you mean statistics"),
        ({}, UnknownName, "no input named ''"),
        ({"kind": "statistics", "versoin": 1}, UnknownName, "Did you mean version"),
        ({"kind": "statistics", "version": 2}, RecipeError, "version 2; expected 1"),
        ({"kind": "log-mel", "n_frames": 3}, RecipeError, "without frontend"),
        ({**SPECS["m"], "n_frames": 0}, RecipeError, "0 frames"),
        ({**SPECS["m"], "n_frames": "many"}, RecipeError, "input log-mel: "),
        ({**SPECS["m"], "frontend": {"sr": 1, "colour": 2}}, RecipeError, "colour"),
        ({**SPECS["m"], "frontend": {"hop_length": 0}}, RecipeError, "hop_length 0"),
        ({**DEEP, "layers": ["tag"]}, UnknownName, "Did you mean tags"),
        ({**DEEP, "layers": []}, RecipeError, "without a layer"),
        ({**DEEP, "summary": ["median"]}, UnknownName, "no summary named 'median'"),
        ({**DEEP, "hop": 0}, RecipeError, "1 to 187"),
        ({**DEEP, "hop": 188}, RecipeError, "1 to 187"),
        ({**DEEP, "hop": None}, RecipeError, "input backbone: "),
        ({**DEEP, "level": 3.0}, RecipeError, "a level of 3 dB; expected -60 to 0"),
        ({**DEEP, "level": "loud"}, RecipeError, "input backbone: "),
    ],
)
def test_values_that_make_no_input(spec: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        make_input(spec)


# --------------------------------------------------------------------- backbone


@pytest.mark.usefixtures("backbone")
def test_a_backbone_against_its_arithmetic(networks: dict[str, Callable[..., bytes]]) -> None:
    import onnxruntime

    kind = make_input({**DEEP, "hop": 187})
    y = music(12.0, 16000)
    found = extract_samples(y, 16000, {"d": kind}, WindowRule(12.0, 12.0))
    S = log_mel(y, kind.frontend)
    patches = np.stack([S[i : i + 187] for i in range(0, len(S) - 186, 187)])
    session = onnxruntime.InferenceSession(networks["backbone"]())
    parts = session.run(["penultimate", "tags"], {"patches": patches})
    rows = np.concatenate(parts, axis=1)
    expected = np.concatenate([rows.mean(axis=0), rows.std(axis=0)])
    np.testing.assert_allclose(found.arrays["d"][0], expected, atol=1e-5)


def test_patches_are_brought_to_one_level() -> None:
    """White noise of a known level: the power of its log-mel patches is that of the level."""
    kind = make_input(DEEP)
    rng = np.random.default_rng(0)
    y = rng.normal(0.0, 1.0, 48_000).astype(np.float32)
    patch = log_mel(y, kind.frontend)[None, :187]
    power = (np.power(10.0, patch, dtype=np.float64) - 1.0) / 1e4
    brought = (np.power(10.0, levelled(patch, -14.0), dtype=np.float64) - 1.0) / 1e4
    ratio = brought / power
    assert np.allclose(ratio, ratio[0, 0, 0], rtol=1e-4)  # one gain for all bands and frames
    # Music has a power of 1,444 over the bands at full scale.
    assert brought.sum(axis=2).mean() == pytest.approx(1444 * 10 ** (-14 / 10), rel=1e-3)
    hushed = levelled(log_mel(1e-5 * y, kind.frontend)[None, :187], -14.0)  # -100 dB
    raised = (np.power(10.0, hushed, dtype=np.float64) - 1.0) / 1e4
    assert raised.sum() / power.sum() == pytest.approx(1e-10 * 10**4.6, rel=0.02)
    assert not levelled(np.zeros((1, 187, 96), dtype=np.float32), -14.0).any()


@pytest.mark.usefixtures("backbone")
def test_a_level_makes_answers_deaf_to_gain() -> None:
    y = music(12.0, 16000)
    rule = WindowRule(12.0, 12.0)
    arrays = {}
    for name, spec in (("plain", DEEP), ("level", {**DEEP, "level": -14.0})):
        arrays[name] = [
            extract_samples(gain * y, 16000, {"d": make_input(spec)}, rule).arrays["d"]
            for gain in (1.0, 0.1)
        ]
    assert not np.allclose(*arrays["plain"], atol=1e-3)
    np.testing.assert_allclose(*arrays["level"], rtol=1e-3, atol=1e-4)
    assert not np.allclose(arrays["plain"][0], arrays["level"][0], atol=1e-3)


def test_a_level_is_another_input_and_none_is_the_old_one() -> None:
    plain, level = make_input(DEEP), make_input({**DEEP, "level": -14})
    assert "level" not in plain.to_json()
    assert level.to_json() == {**plain.to_json(), "level": -14.0}
    assert level.fingerprint() != plain.fingerprint() == make_input({**DEEP}).fingerprint()
    assert level.stem() != plain.stem()


@pytest.mark.usefixtures("backbone")
@pytest.mark.parametrize("seconds", [0.2, 0.5, 3.0, 3.1])
def test_short_files_fill_a_patch_by_repetition(seconds: float) -> None:
    kind = make_input({**DEEP, "hop": 187})
    y = music(seconds, 16000)
    found = extract_samples(y, 16000, {"d": kind}, RULE)
    S = log_mel(y, kind.frontend)
    patch = np.tile(S, (-(-187 // len(S)), 1))[None, :187]
    expected = kind.window(kind.run(patch))  # type: ignore[attr-defined]
    for row in found.arrays["d"]:
        np.testing.assert_allclose(row, expected, atol=1e-5)


@pytest.mark.usefixtures("backbone")
def test_inputs_of_one_backbone_share_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from genrewise.input_kinds import BackboneInput

    runs = []
    real = BackboneInput.run
    monkeypatch.setattr(
        BackboneInput, "run", lambda self, patches: runs.append(len(patches)) or real(self, patches)
    )
    kinds = {
        "a": make_input(DEEP),
        "b": make_input({**DEEP, "layers": ["pooled"], "summary": ["mean"]}),
    }
    found = extract_samples(music(12.0), SR, kinds, RULE)
    assert sum(runs) == len(range(0, 751 - 186, 93))
    assert (found.arrays["a"].shape[1], found.arrays["b"].shape[1]) == (500, 1506)


def test_a_backbone_that_is_not_there(cache: Path) -> None:
    with pytest.raises(BundleError, match="Run: genrewise models get musicnn-msd"):
        extract_samples(music(4.0), SR, {"d": make_input(DEEP)}, RULE)
    assert not cache.exists()


@pytest.mark.parametrize("name", ["../models/x", "", "/etc/x", "a b", ".hidden"])
@pytest.mark.usefixtures("cache")
def test_backbones_are_names_not_paths(name: str) -> None:
    with pytest.raises(BundleError, match="a backbone named"):
        backbone_path(name)


@pytest.mark.parametrize("damage", ["junk", "empty", "cut", "frames", "tags"])
def test_a_damaged_backbone_is_one_line(
    backbone: Path, damage: str, networks: dict[str, Callable[..., bytes]]
) -> None:
    contents = {
        "junk": b"junk" * 100,
        "empty": b"",
        "cut": networks["backbone"]()[:-1000],
        "frames": networks["backbone"](frames=100),
        "tags": networks["backbone"](tags=49),
    }
    backbone.write_bytes(contents[damage])
    with pytest.raises(BundleError, match=r"the backbone musicnn-msd .* genrewise models get") as e:
        extract_samples(music(4.0), SR, {"d": make_input(DEEP)}, RULE)
    assert "\n" not in str(e.value)
