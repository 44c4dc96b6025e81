"""Inputs that look at the samples of each window by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from genrewise.errors import RecipeError, UnknownName
from genrewise.features.frontend import FrontEnd
from genrewise.features.pictures import picture
from genrewise.features.spectral import Spectra, spectral_centroid
from genrewise.features.summary import gtzan57, pyaudio136
from genrewise.inputs import extract_samples, make_input
from genrewise.windows import WindowRule

SR = 22050
RNG = np.random.default_rng(5)
NOISE = (0.1 * RNG.normal(size=SR * 5)).astype(np.float32)
RULE = WindowRule(2.0, 2.0, "drop")


@pytest.mark.parametrize(("kind", "channels"), [("grey", 1), ("mel", 1), ("colour", 3)])
def test_a_picture_is_that_of_the_windows_own_samples(kind: str, channels: int) -> None:
    spec = {"kind": "picture", "picture": kind, "size": [48, 32]}
    found = extract_samples(NOISE, SR, {"p": make_input(spec)}, RULE).arrays["p"]
    assert found.shape == (2, channels, 32, 48)
    second = picture(NOISE[2 * SR : 4 * SR], SR, kind, (48, 32))  # type: ignore[arg-type]
    wanted = second.reshape(32, 48, channels).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(found[1], wanted, atol=1e-6)
    if kind != "colour":
        assert (found.min(), found.max()) == (0.0, 1.0)


def test_the_centroid_is_in_kilohertz_and_of_fixed_length() -> None:
    made = make_input({"kind": "centroid", "n_frames": 87})
    found = extract_samples(NOISE, SR, {"c": made}, RULE).arrays["c"]
    S = Spectra(NOISE[: 2 * SR], FrontEnd()).magnitude
    np.testing.assert_allclose(found[0], spectral_centroid(S, SR)[:87] / 1000, rtol=1e-5)
    short = extract_samples(NOISE[:SR], SR, {"c": made}, RULE).arrays["c"]
    assert short.shape == (1, 87)
    np.testing.assert_array_equal(short[0, 44:], short[0, :43])


@pytest.mark.parametrize(("name", "make"), [("gtzan57", gtzan57), ("pyaudio136", pyaudio136)])
def test_a_summary_is_the_named_vector(name: str, make: object) -> None:
    found = extract_samples(NOISE, SR, {"s": make_input({"kind": "summary", "set": name})}, RULE)
    wanted = make(NOISE[2 * SR : 4 * SR], SR).values  # type: ignore[operator]
    np.testing.assert_allclose(found.arrays["s"][1], wanted, rtol=1e-5, atol=1e-6)


def test_inputs_of_one_rate_share_their_samples() -> None:
    one = make_input({"kind": "centroid", "n_frames": 4})
    other = make_input({"kind": "picture", "picture": "grey", "size": [8, 8]})
    assert one.stem() == other.stem()
    assert one.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ({"kind": "picture", "picture": "gray", "size": [8, 8]}, UnknownName, "grey"),
        ({"kind": "picture", "picture": "grey", "size": [0, 8]}, RecipeError, "0 x 8"),
        ({"kind": "picture", "picture": "grey", "size": [8]}, RecipeError, "picture"),
        ({"kind": "picture", "picture": "grey"}, RecipeError, "without size"),
        ({"kind": "centroid", "n_frames": 0}, RecipeError, "0 frames"),
        ({"kind": "summary", "set": "gtzan58"}, UnknownName, "gtzan57"),
        ({"kind": "summary", "sets": "gtzan57"}, RecipeError, "without set"),
    ],
)
def test_wrong_settings_are_refused(
    spec: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make_input(spec)
