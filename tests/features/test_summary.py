"""The layouts of known tables, against the calls that made the tables and the tables."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.audio import load
from genrewise.errors import AudioError
from genrewise.features import FEATURES, summary
from genrewise.features.frontend import F32
from genrewise.features.summary import NamedVector

SR = 22050
LAYOUTS = {"gtzan57": 57, "fma518": 518, "pyaudio136": 136, "statistics": 648}


def layout(name: str) -> Callable[[F32, int], NamedVector]:
    found: Callable[[F32, int], NamedVector] = FEATURES.get(name)
    return found


def librosa_gtzan(y: F32) -> dict[str, float]:
    """The calls behind the well-known table."""
    harmonic, percussive = librosa.effects.hpss(y)
    found = {
        "chroma_stft": librosa.feature.chroma_stft(y=y, sr=SR),
        "rms": librosa.feature.rms(y=y),
        "spectral_centroid": librosa.feature.spectral_centroid(y=y, sr=SR),
        "spectral_bandwidth": librosa.feature.spectral_bandwidth(y=y, sr=SR),
        "rolloff": librosa.feature.spectral_rolloff(y=y, sr=SR),
        "zero_crossing_rate": librosa.feature.zero_crossing_rate(y),
        "harmony": harmonic,
        "perceptr": percussive,
    }
    for i, row in enumerate(librosa.feature.mfcc(y=y, sr=SR, n_mfcc=20)):
        found[f"mfcc{i + 1}"] = row
    values = {}
    for name, x in found.items():
        values |= {f"{name}_mean": float(np.mean(x)), f"{name}_var": float(np.var(x))}
    return values | {"tempo": float(librosa.feature.tempo(y=y, sr=SR)[0])}


def librosa_fma(y: F32, sr: int) -> dict[str, F32]:
    """The features of FMA's script, by today's librosa."""
    S = np.abs(librosa.stft(y, n_fft=2048, hop_length=512, pad_mode="reflect"))
    tuning = librosa.estimate_tuning(S=S, sr=sr)
    C = np.abs(librosa.cqt(y, sr=sr, n_bins=84, tuning=tuning))
    cens = librosa.feature.chroma_cens(C=C, bins_per_octave=12)
    mel = librosa.feature.melspectrogram(sr=sr, S=S**2)
    return {
        "chroma_cens": cens,
        "chroma_cqt": librosa.feature.chroma_cqt(C=C, bins_per_octave=12),
        "chroma_stft": librosa.feature.chroma_stft(S=S**2, sr=sr),
        "mfcc": librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=20),
        "rmse": np.sqrt(np.mean(S**2, axis=0, keepdims=True)),
        "spectral_bandwidth": librosa.feature.spectral_bandwidth(S=S, sr=sr),
        "spectral_centroid": librosa.feature.spectral_centroid(S=S, sr=sr),
        "spectral_contrast": librosa.feature.spectral_contrast(S=S, sr=sr),
        "spectral_rolloff": librosa.feature.spectral_rolloff(S=S, sr=sr),
        "tonnetz": librosa.feature.tonnetz(chroma=cens),
        "zcr": librosa.feature.zero_crossing_rate(y),
    }


def test_gtzan_columns_are_librosas(music: F32) -> None:
    ours = summary.gtzan57(music, SR)
    theirs = librosa_gtzan(music)
    for name, value in zip(ours.names, ours.values, strict=True):
        # The means of the signals are differences of nearly equal sums.
        slack = 1e-7 if name in {"harmony_mean", "perceptr_mean"} else 2e-5
        assert value == pytest.approx(theirs[name], rel=1e-3, abs=slack), name


def test_gtzan_names_are_the_tables(shared_data: Path) -> None:
    with (shared_data / "tables/gtzan_features_30_sec.csv").open() as file:
        header = next(csv.reader(file))
    names = summary.gtzan57(np.ones(4000, dtype=np.float32), SR).names
    assert list(names) == [c for c in header if c not in {"filename", "length", "label"}]


#: Relative difference that the lossy copies leave at the median over tracks.
TABLE_SLACK = {
    "chroma_stft_mean": 0.02, "chroma_stft_var": 0.01, "rms_mean": 0.01, "rms_var": 0.01,
    "spectral_centroid_mean": 0.08, "spectral_bandwidth_mean": 0.08, "rolloff_mean": 0.08,
    "zero_crossing_rate_mean": 0.03, "harmony_var": 0.1, "perceptr_var": 0.1, "tempo": 0.001,
    "mfcc1_mean": 0.05, "mfcc1_var": 0.06, "mfcc2_mean": 0.1,
}  # fmt: skip


def test_the_well_known_table_comes_back_from_lossy_copies(shared_data: Path) -> None:
    """Opus removes what lies below 20 Hz and above 11 kHz, so means of signals are not here."""
    with (shared_data / "tables/gtzan_features_30_sec.csv").open() as file:
        table = {row["filename"]: row for row in csv.DictReader(file)}
    tracks = sorted((shared_data / "gtzan").glob("*/*.opus"))[3::75]
    apart: dict[str, list[float]] = {name: [] for name in TABLE_SLACK}
    for path in tracks:
        ours = summary.gtzan57(load(path, SR).y, SR)
        row = table[f"{path.stem}.wav"]
        for name in TABLE_SLACK:
            truth = float(row[name])
            apart[name].append(abs(float(ours.values[ours.names.index(name)]) / truth - 1))
    medians = {name: float(np.median(values)) for name, values in apart.items()}
    assert {n: m for n, m in medians.items() if m > TABLE_SLACK[n]} == {}


@pytest.mark.parametrize("sr", [22050, 44100])
def test_fma_columns_are_librosas(music: F32, sr: int) -> None:
    y = music if sr == SR else np.repeat(music, 2)
    ours = summary.fma518(y, sr)
    got = dict(zip(ours.names, ours.values.tolist(), strict=True))
    statistics = {
        "mean": np.mean, "std": np.std, "min": np.min, "max": np.max, "median": np.median,
        "skew": scipy.stats.skew, "kurtosis": scipy.stats.kurtosis,
    }  # fmt: skip
    # Smoothed steps and bins that fall beside move higher moments most.
    slack = {"skew": 0.05, "kurtosis": 0.2}
    for name, x in librosa_fma(y, sr).items():
        scale = float(np.abs(x).max())
        for statistic, function in statistics.items():
            for i, value in enumerate(function(x.astype(np.float64), axis=1)):
                key = f"{name}_{statistic}_{i + 1:02d}"
                limit = slack.get(statistic, 5e-3 * scale)
                assert got.pop(key) == pytest.approx(value, rel=5e-3, abs=limit), key
    assert not got


def test_fma_names_are_sorted_like_the_table() -> None:
    names = summary._fma_names()
    parts = [n.rsplit("_", 2) for n in names]
    assert parts == sorted(parts)
    assert names[0] == "chroma_cens_kurtosis_01"
    assert names[-1] == "zcr_std_01"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), t=st.integers(2, 60), offset=st.floats(-100, 100))
def test_seven_statistics_are_scipys(seed: int, t: int, offset: float) -> None:
    x = np.random.default_rng(seed).standard_normal((t, 3)) ** 3 + offset
    got = summary._seven(x.astype(np.float32))
    x = x.astype(np.float32).astype(np.float64)
    want = [
        scipy.stats.kurtosis(x), x.max(axis=0), x.mean(axis=0), np.median(x, axis=0),
        x.min(axis=0), scipy.stats.skew(x), x.std(axis=0),
    ]  # fmt: skip
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


def test_constant_columns_have_no_skewness() -> None:
    got = summary._seven(np.full((5, 1), 7.0, dtype=np.float32))[:, 0]
    np.testing.assert_array_equal(got, [-3, 7, 7, 7, 7, 0, 0])


@pytest.mark.parametrize(("name", "count"), LAYOUTS.items())
def test_every_layout_keeps_the_contract(name: str, count: int, music: F32) -> None:
    vector = layout(name)(music, SR)
    assert len(vector.names) == len(set(vector.names)) == count
    assert vector.values.shape == (count,)
    assert vector.values.dtype == np.float32
    assert np.isfinite(vector.values).all()
    again = layout(name)(music.copy(), SR)
    np.testing.assert_array_equal(again.values, vector.values)
    assert again.names == vector.names


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_numbers_for_silence_and_short_audio(name: str) -> None:
    for y in (np.zeros(SR, dtype=np.float32), np.ones(1300, dtype=np.float32)):
        assert np.isfinite(layout(name)(y, SR).values).all()


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_refuses_no_audio(name: str) -> None:
    with pytest.raises(AudioError, match="0 samples"):
        layout(name)(np.zeros(0, dtype=np.float32), SR)


@pytest.mark.parametrize("name", ["gtzan57", "statistics"])
def test_layouts_with_a_rate_of_their_own_resample(name: str) -> None:
    t = np.arange(48000 * 4) / 48000
    chirp = np.sin(2 * np.pi * (100 * t + 300 * t**2)).astype(np.float32)
    high = layout(name)(chirp, 48000)
    low = layout(name)(librosa.resample(chirp, orig_sr=48000, target_sr=SR), SR)
    scale = np.abs(low.values) + 1
    assert np.median(np.abs(high.values - low.values) / scale) < 1e-3


def test_all_layouts_are_registered() -> None:
    assert FEATURES.names()[:4] == list(LAYOUTS)
