"""The front end against librosa, and as a stream against itself."""

from __future__ import annotations

import itertools

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.errors import RecipeError
from genrewise.features.frontend import (
    F32,
    Framer,
    FrontEnd,
    apply_mel,
    log_mel,
    mel_filters,
    mel_frames,
    power_frames,
    stream_log_mel,
)


def noise(n: int, seed: int = 0) -> F32:
    rng = np.random.default_rng(seed)
    t = np.arange(n) / 22050
    tone = 0.3 * np.sin(2 * np.pi * 440 * t)
    return (tone + 0.1 * rng.standard_normal(n)).astype(np.float32)


def librosa_mel(y: F32, fe: FrontEnd) -> F32:
    norm = "slaney" if fe.mel_norm == "slaney" else None
    mel: F32 = librosa.feature.melspectrogram(
        y=y, sr=fe.sr, n_fft=fe.n_fft, hop_length=fe.hop_length, center=fe.center,
        win_length=fe.win_length or fe.n_fft, pad_mode=fe.pad_mode, power=fe.power,
        n_mels=fe.n_mels, fmin=fe.fmin, fmax=fe.fmax or None, htk=fe.mel_scale == "htk",
        norm=norm,
    ).T  # fmt: skip
    return mel


FRONTENDS = [
    FrontEnd(log="none"),
    FrontEnd(sr=16000, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect", log="none"),
    FrontEnd(sr=44100, n_fft=4096, hop_length=1000, n_mels=40, fmin=50, fmax=9000, log="none"),
    FrontEnd(win_length=1200, power=1.0, mel_scale="htk", mel_norm="none", log="none"),
    FrontEnd(center=False, n_mels=64, log="none"),
    FrontEnd(power=1.5, log="none"),
]


@pytest.mark.parametrize("fe", FRONTENDS, ids=lambda fe: fe.fingerprint())
def test_mel_equals_librosa(fe: FrontEnd) -> None:
    y = noise(fe.sr * 2)
    ours, theirs = log_mel(y, fe), librosa_mel(y, fe)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6 * theirs.max())


@pytest.mark.parametrize("fe", FRONTENDS, ids=lambda fe: fe.fingerprint())
def test_filters_equal_librosa(fe: FrontEnd) -> None:
    theirs = librosa.filters.mel(
        sr=fe.sr, n_fft=fe.n_fft, n_mels=fe.n_mels, fmin=fe.fmin, fmax=fe.fmax or None,
        htk=fe.mel_scale == "htk", norm="slaney" if fe.mel_norm == "slaney" else None,
    )  # fmt: skip
    np.testing.assert_allclose(mel_filters(fe), theirs.T, rtol=1e-5, atol=1e-9)


def test_decibels_equal_librosa() -> None:
    y = noise(30000)
    theirs = librosa.power_to_db(librosa_mel(y, FrontEnd()), top_db=None)
    np.testing.assert_allclose(log_mel(y, FrontEnd()), theirs, atol=2e-4)


def test_the_other_logarithms() -> None:
    y = noise(30000)
    mel = log_mel(y, FrontEnd(log="none"))
    np.testing.assert_allclose(log_mel(y, FrontEnd(log="log")), np.log(mel), atol=1e-5)
    np.testing.assert_allclose(
        log_mel(y, FrontEnd(log="log1e4")), np.log10(1e4 * mel + 1), atol=1e-5
    )


def test_silence_is_the_floor_not_minus_infinity() -> None:
    silent = np.zeros(4096, dtype=np.float32)
    np.testing.assert_allclose(log_mel(silent, FrontEnd()), -100.0, rtol=1e-6)
    assert np.all(log_mel(silent, FrontEnd(log="log1e4")) == 0)


def test_no_mel_bands_leave_the_linear_spectrum() -> None:
    y = noise(8000)
    fe = FrontEnd(n_mels=0, log="none")
    S = np.abs(librosa.stft(y, n_fft=2048, hop_length=512)).T ** 2
    np.testing.assert_allclose(log_mel(y, fe), S, rtol=1e-4, atol=1e-6 * S.max())
    np.testing.assert_array_equal(apply_mel(log_mel(y, fe), fe), log_mel(y, fe))


def test_two_steps_equal_one() -> None:
    fe = FrontEnd()
    frames = Framer(fe).push(noise(70000), last=True)
    both = apply_mel(power_frames(frames, fe), fe)
    np.testing.assert_array_equal(both, mel_frames(frames, fe))


@pytest.mark.parametrize("n", [0, 1, 2, 100, 1024, 1025, 2048, 5000])
@pytest.mark.parametrize("pad_mode", ["constant", "reflect"])
def test_short_tracks_give_the_frames_they_should(n: int, pad_mode: str) -> None:
    fe = FrontEnd(pad_mode=pad_mode)  # type: ignore[arg-type]
    frames = Framer(fe).push(noise(n), last=True)
    assert frames.shape == (fe.n_frames(n), fe.n_fft)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 9000),
    cuts=st.lists(st.integers(0, 9000), max_size=6),
    hop=st.sampled_from([100, 256, 512]),
    pad_mode=st.sampled_from(["constant", "reflect"]),
    center=st.booleans(),
)
def test_blocks_give_the_frames_of_the_whole(
    n: int, cuts: list[int], hop: int, pad_mode: str, center: bool
) -> None:
    fe = FrontEnd(n_fft=512, hop_length=hop, pad_mode=pad_mode, center=center)  # type: ignore[arg-type]
    y = noise(n)
    whole = Framer(fe).push(y, last=True)
    framer = Framer(fe)
    edges = sorted({0, n, *(c for c in cuts if c < n)})
    parts = [framer.push(y[a:b]) for a, b in itertools.pairwise(edges)]
    parts.append(framer.push(y[:0], last=True))
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(whole) == fe.n_frames(n)


def test_streamed_mel_equals_whole_mel() -> None:
    y, fe = noise(100_000), FrontEnd(pad_mode="reflect")
    blocks = (y[i : i + 7001] for i in range(0, len(y), 7001))
    streamed = np.concatenate(list(stream_log_mel(blocks, fe)))
    np.testing.assert_allclose(streamed, log_mel(y, fe), atol=1e-4)


def test_a_reused_buffer_does_not_change_what_was_pushed() -> None:
    fe = FrontEnd()
    y = noise(6000)
    framer, buffer = Framer(fe), y[:500].copy()
    first = framer.push(buffer)
    buffer[:] = 9
    rest = framer.push(y[500:], last=True)
    np.testing.assert_array_equal(np.concatenate([first, rest]), Framer(fe).push(y, last=True))


def test_the_fingerprint_follows_every_parameter() -> None:
    base = FrontEnd()
    assert base.fingerprint() == FrontEnd().fingerprint()
    changed = [
        FrontEnd(sr=16000), FrontEnd(n_fft=1024), FrontEnd(hop_length=256), FrontEnd(win_length=9),
        FrontEnd(center=False), FrontEnd(pad_mode="reflect"), FrontEnd(power=1), FrontEnd(n_mels=9),
        FrontEnd(fmin=1), FrontEnd(fmax=9000), FrontEnd(mel_scale="htk"), FrontEnd(mel_norm="none"),
        FrontEnd(log="log"),
    ]  # fmt: skip
    assert len({base.fingerprint(), *(f.fingerprint() for f in changed)}) == len(changed) + 1
    assert FrontEnd(**base.to_json()) == base


def test_impossible_lengths_are_refused() -> None:
    with pytest.raises(RecipeError, match="0 < hop_length <= n_fft"):
        FrontEnd(hop_length=4096)
    with pytest.raises(RecipeError, match="win_length <= n_fft"):
        FrontEnd(win_length=4096)
    assert FrontEnd().frame_rate == pytest.approx(43.066, abs=1e-3)
