"""Our features against values that stand in the repository (make_golden.py made them)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrewise.features import harmony, hpss, rhythm, shortterm, spectral
from genrewise.features.cqt import cqt
from genrewise.features.spectral import Spectra

SR = 22050
RATE = SR / 512
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((HERE / "golden.json").read_text("utf-8"))
    return made


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_golden", HERE / "make_golden.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ours(script: ModuleType) -> dict[str, NDArray[Any]]:
    """Our features of the same samples, thinned out in the same way."""
    y = script.samples()
    spectra = Spectra(y)
    S, power = spectra.magnitude, spectra.power
    C = np.abs(cqt(y, SR))
    onset = rhythm.onset_strength(spectra.mel_db)
    found = {
        "log_mel": spectra.mel_db[:, ::16],
        "mfcc": spectral.mfcc(spectra.mel_db),
        "centroid": spectral.spectral_centroid(S, SR),
        "bandwidth": spectral.spectral_bandwidth(S, SR),
        "rolloff": spectral.spectral_rolloff(S, SR),
        "contrast": spectral.spectral_contrast(S, SR),
        "flatness": spectral.spectral_flatness(power),
        "rms": spectral.rms(y),
        "zcr": spectral.zero_crossing_rate(y),
        "chroma_stft": harmony.chroma_stft(power, SR),
        "chroma_cqt": harmony.chroma_cqt(C),
        "chroma_cens": harmony.chroma_cens(C),
        "tonnetz": harmony.tonnetz(harmony.chroma_cqt(C)),
        "onset": onset,
        "tempogram": rhythm.tempogram(onset)[:, ::32],
    }
    values = {name: x[::20].ravel() for name, x in found.items()}
    harmonic, percussive = hpss.hpss(spectra)
    tempo, beats = rhythm.beat_track(onset, RATE)
    return values | {
        "harmonic": harmonic[::3001],
        "percussive": percussive[::3001],
        "tempo": np.array([tempo]),
        "beats": beats,
    }


#: Absolute tolerance of each: of dB a few thousandths, of ratios a few millionths.
TOLERANCE = {
    "log_mel": 5e-3, "mfcc": 2e-2, "centroid": 0.05, "bandwidth": 0.05, "rolloff": 0.01,
    "contrast": 5e-3, "flatness": 1e-5, "rms": 1e-6, "zcr": 1e-7, "chroma_stft": 1e-4,
    "chroma_cqt": 2e-3, "chroma_cens": 2e-2, "tonnetz": 2e-3, "onset": 5e-3, "tempogram": 1e-4,
    "harmonic": 1e-5, "percussive": 1e-5, "tempo": 1e-4, "beats": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", TOLERANCE)
def test_values_have_not_moved(
    name: str, golden: dict[str, Any], ours: dict[str, NDArray[Any]]
) -> None:
    want = np.array(golden["frames"][name])
    assert ours[name].shape == want.shape
    np.testing.assert_allclose(ours[name], want, rtol=1e-6, atol=TOLERANCE[name])


def test_every_golden_feature_is_tested(golden: dict[str, Any]) -> None:
    assert golden["frames"].keys() == TOLERANCE.keys()


def test_short_term_values_have_not_moved(golden: dict[str, Any], script: ModuleType) -> None:
    got = shortterm.short_term(script.samples(), SR)[::10].ravel()
    np.testing.assert_allclose(got, golden["short_term"]["values"], rtol=1e-4, atol=1e-5)
    names = [f"{n}_mean" for n in golden["short_term"]["names"]]
    assert list(shortterm.names()[:68]) == names


def test_the_script_still_gives_the_file(golden: dict[str, Any], script: ModuleType) -> None:
    """With the libraries that are installed now; a newer one may differ in the last digits."""
    now = script.frames()
    for name, values in now.items():
        want = np.array(golden["frames"][name])
        np.testing.assert_allclose(values, want, rtol=1e-4, atol=max(1e-4, TOLERANCE[name]))
