"""Features by their definitions, written out plainly, and the limits of what they take."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import librosa
import numpy as np
import pytest
import scipy.signal
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrewise.errors import AudioError, RecipeError
from genrewise.features import harmony, pictures, rhythm, shortterm, spectral, summary
from genrewise.features.cqt import FMIN, cqt
from genrewise.features.frontend import F32, FrontEnd, dct_matrix, hann_window, mel_filters
from genrewise.features.spectral import Spectra

SR = 22050
RATE = SR / 512
F64 = NDArray[np.float64]
some = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 10_000)


def spectrum(seed: int, t: int = 5, n_bins: int = 129) -> F32:
    return np.random.default_rng(seed).random((t, n_bins), dtype=np.float32) ** 4


# ----------------------------------------------------------------------- spectra


@pytest.mark.parametrize(("n_fft", "win_length"), [(512, 0), (512, 400), (512, 401), (16, 3)])
def test_windows_are_scipys(n_fft: int, win_length: int) -> None:
    want = librosa.util.pad_center(scipy.signal.get_window("hann", win_length or n_fft), size=n_fft)
    np.testing.assert_allclose(hann_window(n_fft, win_length), want, atol=1e-7)


@some
@given(seed=seeds, n=st.integers(1, 900), n_fft=st.sampled_from([64, 100]), hop=st.integers(1, 64))
def test_a_transform_is_the_sum_that_defines_it(seed: int, n: int, n_fft: int, hop: int) -> None:
    y = np.random.default_rng(seed).standard_normal(n).astype(np.float32)
    got = spectral.stft(y, FrontEnd(n_fft=n_fft, hop_length=hop))
    padded = np.pad(y, n_fft // 2).astype(np.float64)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(1 + n_fft // 2), np.arange(n_fft)) / n_fft)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    want = [
        turns @ (window * padded[i : i + n_fft]) for i in range(0, len(padded) - n_fft + 1, hop)
    ]
    np.testing.assert_allclose(got, want, atol=1e-4)


@some
@given(seed=seeds, sr=st.sampled_from([8000, 22050, 48000]), share=st.floats(0.05, 0.95))
def test_moments_and_rolloff_by_definition(seed: int, sr: int, share: float) -> None:
    S = spectrum(seed)
    freqs = np.arange(129) * sr / 256
    for t, row in enumerate(S.astype(np.float64)):
        mean = np.average(freqs, weights=row)
        deviation = np.sqrt(np.average((freqs - mean) ** 2, weights=row))
        assert spectral.spectral_centroid(S, sr)[t] == pytest.approx(mean, rel=1e-5)
        assert spectral.spectral_bandwidth(S, sr)[t] == pytest.approx(deviation, rel=1e-4)
        found = spectral.spectral_rolloff(S, sr, share)[t]
        at = round(found / (sr / 256))
        assert found == pytest.approx(freqs[at], rel=1e-6)
        assert row[: at + 1].sum() >= share * row.sum() * (1 - 1e-5)
        assert row[:at].sum() < share * row.sum() * (1 + 1e-5)


@some
@given(seed=seeds)
def test_flatness_is_the_geometric_over_the_arithmetic_mean(seed: int) -> None:
    S = spectrum(seed) + np.float32(1e-6)
    want = scipy.stats.gmean(S.astype(np.float64), axis=1) / S.mean(axis=1)
    np.testing.assert_allclose(spectral.spectral_flatness(S), want, rtol=1e-4)
    assert np.all(spectral.spectral_flatness(S) <= 1 + 1e-6)


@some
@given(seed=seeds, n=st.integers(1, 2000), frame=st.integers(2, 900), hop=st.integers(1, 500))
def test_levels_and_crossings_by_definition(seed: int, n: int, frame: int, hop: int) -> None:
    y = np.random.default_rng(seed).standard_normal(n).astype(np.float32)
    half = frame // 2
    starts = range(0, n + 2 * half - frame + 1, hop)
    zeros = np.pad(y.astype(np.float64), half)
    want = [np.sqrt(np.mean(zeros[i : i + frame] ** 2)) for i in starts]
    np.testing.assert_allclose(spectral.rms(y, frame, hop), want, rtol=1e-4, atol=1e-7)
    edges = np.pad(y, half, mode="edge") < 0
    want = [np.mean(np.r_[False, np.diff(edges[i : i + frame])]) for i in starts]
    np.testing.assert_allclose(spectral.zero_crossing_rate(y, frame, hop), want, atol=1e-7)
    theirs = librosa.feature.zero_crossing_rate(y, frame_length=frame, hop_length=hop)[0]
    assert len(theirs) == len(want)


@some
@given(seed=seeds, n=st.integers(2, 60), n_out=st.integers(1, 20))
def test_cosine_transforms_are_scipys_and_keep_lengths(seed: int, n: int, n_out: int) -> None:
    x = np.random.default_rng(seed).standard_normal((4, n)).astype(np.float32)
    want = scipy.fft.dct(x, axis=1, norm="ortho")[:, :n_out]
    got = x @ dct_matrix(n, n_out)
    np.testing.assert_allclose(got[:, :n], want, atol=1e-5)
    whole = x @ dct_matrix(n, n)
    np.testing.assert_allclose((whole**2).sum(axis=1), (x**2).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("sr", [16000, 22050, 44100])
@pytest.mark.parametrize("n_mels", [40, 96, 128])
def test_mel_bands_of_equal_height_are_triangles_that_add_up(sr: int, n_mels: int) -> None:
    fe = FrontEnd(sr=sr, n_fft=4096, n_mels=n_mels, mel_norm="none")
    filters = mel_filters(fe)
    centres = librosa.mel_frequencies(n_mels + 2, fmin=0.0, fmax=sr / 2)
    bins = np.arange(fe.n_bins) * sr / 4096
    inside = (bins >= centres[1]) & (bins <= centres[-2])
    np.testing.assert_allclose(filters.sum(axis=1)[inside], 1.0, atol=1e-5)
    for k in range(n_mels):
        outside = (bins <= centres[k]) | (bins >= centres[k + 2])
        assert not filters[outside, k].any()
    # The bands of equal area are the same ones, each by half of its width.
    other = mel_filters(FrontEnd(sr=sr, n_fft=4096, n_mels=n_mels))
    np.testing.assert_allclose(other * (centres[2:] - centres[:-2]) / 2, filters, rtol=1e-4)


# ---------------------------------------------------------------------- contrast


@some
@given(seed=seeds, n_bands=st.integers(1, 4))
def test_contrast_by_definition(seed: int, n_bands: int) -> None:
    S = spectrum(seed, t=3, n_bins=1025)
    got = spectral.spectral_contrast(S, SR, n_bands)
    freqs = np.arange(1025) * SR / 2048
    edges = [0.0, *(200.0 * 2**k for k in range(n_bands + 1))]
    for k in range(n_bands + 1):
        inside = np.flatnonzero((freqs >= edges[k]) & (freqs <= edges[k + 1]))
        first = inside[0] - 1 if k else 0
        last = 1024 if k == n_bands else inside[-1] - 1
        rows = np.sort(S[:, first : last + 1].astype(np.float64), axis=1)
        # The quantile is counted before the top bin is left to the band above.
        n = max(1, round(0.02 * (last - first + 1 + (k < n_bands))))
        want = 10 * np.log10(rows[:, -n:].mean(axis=1)) - 10 * np.log10(
            np.maximum(rows[:, :n].mean(axis=1), 1e-10)
        )
        close = np.abs(got[:, k] - want) < 1e-3
        cut_off = rows[:, :n].mean(axis=1) < 1e-8  # 80 dB below the largest
        assert np.all(close | cut_off)


@pytest.mark.parametrize(("sr", "n_bins"), [(512_000, 1025), (44100, 33), (22050, 9)])
def test_contrast_needs_a_bin_in_every_band(sr: int, n_bins: int) -> None:
    S = np.ones((2, n_bins), dtype=np.float32)
    with pytest.raises(AudioError, match=rf"of {n_bins} bins at {sr} Hz; expected a bin between"):
        spectral.spectral_contrast(S, sr)


@pytest.mark.parametrize("sr", [12801, 96_000, 192_000, 384_000])
def test_contrast_at_odd_rates_is_librosas(sr: int) -> None:
    S = spectrum(1, n_bins=1025)
    theirs = librosa.feature.spectral_contrast(S=S.T, sr=sr).T
    np.testing.assert_allclose(spectral.spectral_contrast(S, sr), theirs, atol=1e-3)


# ----------------------------------------------------------------------- harmony


@some
@given(seed=seeds)
def test_the_tonal_centroid_by_definition(seed: int) -> None:
    chroma = np.random.default_rng(seed).random((4, 12), dtype=np.float32)
    shares = chroma / chroma.sum(axis=1, keepdims=True)
    pitch = np.arange(12)
    circles = ((7 * np.pi / 6, 1.0), (3 * np.pi / 2, 1.0), (2 * np.pi / 3, 0.5))
    want = [r * shares @ f(angle * pitch) for angle, r in circles for f in (np.sin, np.cos)]
    np.testing.assert_allclose(harmony.tonnetz(chroma), np.transpose(want), atol=1e-5)


def test_a_fifth_lies_closer_than_a_tritone() -> None:
    notes = harmony.tonnetz(np.eye(12, dtype=np.float32))
    fifth, tritone = (np.linalg.norm(notes[0] - notes[k]) for k in (7, 6))
    assert fifth < tritone
    distances = np.linalg.norm(notes[:, None] - notes[None], axis=2)
    for k in range(12):  # only the interval counts, not the note
        np.testing.assert_allclose(np.diag(distances, k), distances[0, k], atol=1e-5)


@some
@given(seed=seeds, smooth=st.integers(1, 30), t=st.integers(1, 60))
def test_smoothed_chroma_is_quantised_and_smoothed_by_a_window(
    seed: int, smooth: int, t: int
) -> None:
    C = spectrum(seed, t, 24)
    theirs = librosa.feature.chroma_cens(
        C=C.T, bins_per_octave=12, n_octaves=2, win_len_smooth=smooth
    )
    got = harmony.chroma_cens(C, smooth)
    np.testing.assert_allclose(got, theirs.T, atol=1e-5)
    lengths = np.linalg.norm(got, axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))


@pytest.mark.parametrize("k", [0, 9, 40, 83])
@pytest.mark.parametrize("tuning", [0.0, 0.4])
def test_constant_q_bins_are_semitones(k: int, tuning: float) -> None:
    freq = FMIN * 2 ** ((k + tuning) / 12)
    t = np.arange(SR * 2) / SR
    y = np.sin(2 * np.pi * freq * t).astype(np.float32)
    C = np.abs(cqt(y, SR, tuning=tuning))[30:-30]
    assert set(C.argmax(axis=1)) == {k}
    # A tone of height 1 has half of it in each direction; bins grow as the root of length.
    length = SR / (freq * (2 ** (1 / 6) - 1) / (2 ** (1 / 6) + 1))
    np.testing.assert_allclose(C[:, k] / np.sqrt(length), 0.5, rtol=0.03)


@pytest.mark.parametrize("hop", [-64, 0, 1, 32, 63, 65, 100, 500, 511])
def test_a_hop_that_cannot_be_halved_six_times_is_refused(hop: int) -> None:
    """Its octaves would have other frames each; librosa falls back to longer filters."""
    with pytest.raises(RecipeError, match=f"each {hop} samples; expected n x 64"):
        cqt(np.ones(4000, dtype=np.float32), SR, hop)


@pytest.mark.filterwarnings("ignore:n_fft")
@pytest.mark.parametrize("hop", [64, 192, 320])
def test_odd_multiples_of_the_least_hop_are_librosas(music: F32, hop: int) -> None:
    y = music[: SR // 2]
    theirs = librosa.cqt(y, sr=SR, hop_length=hop, n_bins=84, tuning=0.0).T
    np.testing.assert_allclose(cqt(y, SR, hop), theirs, atol=1e-3 * np.abs(theirs).max())


# ------------------------------------------------------------------------ rhythm


@some
@given(seed=seeds, shift=st.integers(0, 4), t=st.integers(1, 20))
def test_onsets_are_mean_rises(seed: int, shift: int, t: int) -> None:
    S = np.random.default_rng(seed).standard_normal((t, 7)).astype(np.float32)
    got = rhythm.onset_strength(S, shift)
    want = np.zeros(t)
    for i in range(1 + shift, t):
        want[i] = np.maximum(S[i - shift] - S[i - shift - 1], 0).mean()
    np.testing.assert_allclose(got, want, atol=1e-6)


@some
@given(seed=seeds, t=st.integers(8, 60), win=st.integers(2, 24))
def test_tempograms_by_definition(seed: int, t: int, win: int) -> None:
    onset = np.random.default_rng(seed).random(t, dtype=np.float32)
    padded = np.pad(onset.astype(np.float64), win // 2, mode="linear_ramp", end_values=0)
    window = scipy.signal.get_window("hann", win)
    got = rhythm.tempogram(onset, win)
    for i in range(0, t, 5):
        piece = padded[i : i + win] * window
        want = np.correlate(piece, piece, "full")[win - 1 :]
        np.testing.assert_allclose(got[i], want / max(want[0], 1e-30), atol=1e-5)


@pytest.mark.parametrize("period", [12, 20, 31, 40])
def test_a_pulse_has_its_own_tempo_or_an_octave_of_it(period: int) -> None:
    onset = np.zeros(1200, dtype=np.float32)
    onset[::period] = 1
    ratio = Fraction(rhythm.tempo(onset, RATE) / (60 * RATE / period)).limit_denominator(8)
    assert ratio in (1, 2, Fraction(1, 2), 3, Fraction(1, 3))
    _, beats = rhythm.beat_track(onset, RATE, 60 * RATE / period)
    inner = beats[1:-1]  # the first and the last may be drawn towards an end
    assert len(inner) >= 1200 // period - 3
    assert set((inner % period).tolist()) == {0}
    assert set(np.diff(inner).tolist()) == {period}


@some
@given(seed=seeds, start=st.sampled_from([60.0, 120.0, 200.0]))
def test_the_expected_tempo_decides_as_in_librosa(seed: int, start: float) -> None:
    onset = np.random.default_rng(seed).random(500, dtype=np.float32) ** 4
    theirs = librosa.feature.tempo(onset_envelope=onset, sr=SR, start_bpm=start)[0]
    assert rhythm.tempo(onset, RATE, start) == pytest.approx(float(theirs))


@pytest.mark.parametrize("bpm", [-1.0, 60 * RATE + 1, 1e9, float("inf"), float("nan")])
def test_tempos_that_cannot_be_are_refused(bpm: float) -> None:
    with pytest.raises(RecipeError, match=r"beats a minute; expected 0 to 2583"):
        rhythm.beat_track(np.ones(50, dtype=np.float32), RATE, bpm)


# --------------------------------------------------- short-term features and tables


@pytest.mark.parametrize("window", [0.0, 1e-5, 4e-5, 3e-4])
def test_frames_too_short_for_a_spectrum_are_refused(music: F32, window: float) -> None:
    with pytest.raises(AudioError, match=r"frames of \d samples at 22050 Hz; expected longer"):
        shortterm.short_term(music, SR, window, window)


@some
@given(seed=seeds)
def test_short_term_features_in_the_time_domain_by_definition(seed: int) -> None:
    y = np.random.default_rng(seed).uniform(-0.5, 0.4, 6000).astype(np.float32)
    got = shortterm.short_term(y, 8000, 0.05, 0.025)
    x = y.astype(np.float64) - y.mean(dtype=np.float64)
    x /= np.abs(x).max()
    for k, i in enumerate(range(0, 6000 - 400 + 1, 200)):
        frame = x[i : i + 400]
        crossings = np.abs(np.diff(np.sign(frame))).sum() / 2 / 399
        shares = (frame.reshape(10, 40) ** 2).sum(axis=1) / (frame**2).sum()
        want = [crossings, np.mean(frame**2), scipy.stats.entropy(shares, base=2)]
        np.testing.assert_allclose(got[k, :3], want, rtol=1e-4)
    np.testing.assert_allclose(got[1:, 34:], np.diff(got[:, :34], axis=0), atol=1e-4)
    assert not got[0, 34:].any()


@some
@given(n=st.integers(1, 3000), name=st.sampled_from(["gtzan57", "fma518", "statistics"]))
def test_tables_hold_numbers_however_short_the_track(n: int, name: str) -> None:
    y = np.random.default_rng(n).uniform(-0.5, 0.5, n).astype(np.float32)
    layout: Any = getattr(summary, name)
    vector = layout(y, SR)
    assert np.isfinite(vector.values).all()
    values = dict(zip(vector.names, vector.values.tolist(), strict=True))
    if name == "gtzan57":
        assert values["rms_mean"] == pytest.approx(float(spectral.rms(y).mean()), rel=1e-4)
    if name == "fma518":
        kinds = ("min", "median", "max")
        low, middle, high = (values[f"spectral_centroid_{kind}_01"] for kind in kinds)
        assert low <= middle <= high
        assert low <= values["spectral_centroid_mean_01"] * (1 + 1e-5)


def test_columns_are_the_features_they_are_named_after(music: F32) -> None:
    spectra = Spectra(music)
    vector = summary.gtzan57(music, SR)
    got = dict(zip(vector.names, vector.values.tolist(), strict=True))
    S = spectra.magnitude
    parts = {
        "chroma_stft": harmony.chroma_stft(spectra.power, SR),
        "spectral_centroid": spectral.spectral_centroid(S, SR),
        "spectral_bandwidth": spectral.spectral_bandwidth(S, SR),
        "rolloff": spectral.spectral_rolloff(S, SR),
        "zero_crossing_rate": spectral.zero_crossing_rate(music),
        **{f"mfcc{i + 1}": c for i, c in enumerate(spectral.mfcc(spectra.mel_db).T)},
    }
    for name, x in parts.items():
        assert got[f"{name}_mean"] == pytest.approx(float(x.mean(dtype=np.float64)), rel=1e-5), name
        assert got[f"{name}_var"] == pytest.approx(float(x.var(dtype=np.float64)), rel=1e-5), name


# ---------------------------------------------------------------------- pictures


def test_a_rising_tone_rises_in_the_picture() -> None:
    t = np.arange(SR * 2) / SR
    y = scipy.signal.chirp(t, 200, 2, 9000).astype(np.float32)
    picture = pictures.picture(y, SR, "grey", (50, 64))
    loudest = picture[:, 2:-2].argmax(axis=0)
    assert np.all(np.diff(loudest) <= 0)
    # A column's middle is (x + .5) / 50 of the time, a row's one (63.5 - y) / 64 of SR / 2.
    middle = (np.arange(2, 48) + 0.5) / 50
    want = 63.5 - (200 + 8800 * middle) / (SR / 2) * 64
    assert np.abs(loudest - want).max() < 2


@some
@given(seed=seeds, gain=st.floats(0.01, 50), kind=st.sampled_from(["grey", "mel"]))
def test_pictures_do_not_depend_on_the_level(seed: int, gain: float, kind: pictures.Kind) -> None:
    y = np.random.default_rng(seed).uniform(-0.5, 0.5, 4000).astype(np.float32)
    a = pictures.picture(y, SR, kind, (20, 20)).astype(int)
    b = pictures.picture(y * np.float32(gain), SR, kind, (20, 20)).astype(int)
    assert np.abs(a - b).max() <= 1
