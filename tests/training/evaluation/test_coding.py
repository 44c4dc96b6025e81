"""Coded files have the codec and bit rate that they say; files come with their channels."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from genrewise.audio import load, probe
from genrewise.errors import AudioError
from genrewise.training import coding
from genrewise.training.coding import MP3_RATES, aac, channels, mp3, opus, resampled

F32 = NDArray[np.float32]
Encode = Callable[[F32, int, int], bytes]
SR = 44_100


def sine(hz: float, seconds: float = 1.0, sr: int = SR) -> F32:
    t = np.arange(round(seconds * sr)) / sr
    return (0.5 * np.sin(2 * np.pi * hz * t)).astype(np.float32)[:, None]


def white(seconds: float = 3.0, sr: int = SR, sides: int = 1) -> F32:
    return (0.1 * np.random.default_rng(1).standard_normal((round(seconds * sr), sides))).astype(
        np.float32
    )


# ------------------------------------------------------------------- mp3


def frames(data: bytes) -> set[tuple[int, int, int]]:
    """Bit rate in kbit/s, sample rate and channels of every frame of an mp3 (ISO 11172-3)."""
    first = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    second = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    rates = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000)}
    found, at = set(), 0
    while at + 4 <= len(data):
        header = struct.unpack(">I", data[at : at + 4])[0]
        if header >> 21 != 0x7FF:
            at += 1
            continue
        version, padding = (header >> 19) & 3, (header >> 9) & 1
        kbps = (first if version == 3 else second)[(header >> 12) & 15]
        sr = rates[version][(header >> 10) & 3]
        found.add((kbps, sr, 1 if (header >> 6) & 3 == 3 else 2))
        at += (144 if version == 3 else 72) * kbps * 1000 // sr + padding
    return found


@pytest.mark.parametrize("kbps", list(MP3_RATES))
@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("sr", [22_254, 48_000])
def test_mp3_has_the_bit_rate_that_it_says(kbps: int, sides: int, sr: int) -> None:
    coded = mp3(white(2.0, sr, sides), sr, kbps)
    assert frames(coded) == {(kbps, MP3_RATES[kbps][0], sides)}
    assert len(coded) * 8 / 2.0 == pytest.approx(1000 * kbps, rel=0.05)


# ------------------------------------------------------------------- Opus and AAC


@pytest.mark.parametrize(
    ("encode", "kbps", "codec", "container", "rate"),
    [
        (opus, 64, "opus", "ogg", 48_000),
        (opus, 32, "opus", "ogg", 48_000),
        (aac, 96, "aac", "mp4", 44_100),
    ],
)
@pytest.mark.parametrize(("sr", "sides"), [(8_000, 1), (22_050, 2), (44_100, 2), (48_000, 1)])
def test_opus_and_aac_are_what_they_say(
    encode: Encode, kbps: int, codec: str, container: str, rate: int, sr: int, sides: int
) -> None:
    coded = encode(white(3.0, sr, sides), sr, kbps)
    info = probe(coded)
    assert (info.codec, info.container) == (codec, container)
    assert (info.sr, info.channels) == (rate, sides)
    assert len(coded) * 8 / 3.0 == pytest.approx(1000 * kbps, rel=0.15)


@pytest.mark.parametrize(("encode", "kbps"), [(mp3, 128), (opus, 64), (aac, 96)])
def test_the_same_samples_make_the_same_file(encode: Encode, kbps: int) -> None:
    y = white(1.0, sides=2)
    assert encode(y, SR, kbps) == encode(y, SR, kbps)


@pytest.mark.parametrize(("encode", "kbps"), [(mp3, 320), (opus, 64), (aac, 96)])
def test_each_channel_keeps_its_tone(encode: Encode, kbps: int) -> None:
    y = np.concatenate([sine(400.0), sine(900.0)], axis=1)
    decoded, rate = channels(encode(y, SR, kbps))
    for side, hz in enumerate((400.0, 900.0)):
        part = decoded[: round(0.9 * rate), side]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 8 * len(part)))
        assert spectrum.argmax() * rate / (8 * len(part)) == pytest.approx(hz, abs=1.0)
        assert float(np.std(part)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize(("encode", "kbps"), [(mp3, 64), (opus, 32), (aac, 96)])
@pytest.mark.parametrize("n", [30, 1600])
def test_a_moment_can_be_coded(encode: Encode, kbps: int, n: int) -> None:
    decoded, _ = channels(encode(white(1.0, 8_000)[:n], 8_000, kbps))
    assert np.isfinite(decoded).all()


def test_what_passes_full_scale_is_clipped() -> None:
    loud = 4.0 * sine(200.0)
    square = np.clip(loud, -1.0, 1.0)
    assert aac(loud, SR, 96) == aac(square, SR, 96)


def test_what_cannot_be_written_says_so() -> None:
    with pytest.raises(AudioError, match="not to be written by libopus: "):
        opus(white(0.1), SR, 100_000)
    with pytest.raises(AudioError, match="not to be written by polka: polka; expected an FFmpeg"):
        coding._coded(white(0.1), SR, ("ogg", "polka"), 64, {})


# ------------------------------------------------------------------- channels of a file


def test_two_channels_come_side_by_side(tmp_path: Path) -> None:
    y = np.column_stack([sine(300.0, 2.0)[:, 0], sine(700.0, 2.0)[:, 0]])
    soundfile.write(tmp_path / "a.wav", y, SR, subtype="FLOAT")
    found, sr = channels(str(tmp_path / "a.wav"), 0.5, 1.0)
    assert sr == SR
    np.testing.assert_array_equal(found, y[SR // 2 : SR // 2 + SR])


@pytest.mark.parametrize("sides", [1, 3, 6])
def test_other_counts_come_as_their_mean(tmp_path: Path, sides: int) -> None:
    y = white(0.5, sides=sides)
    soundfile.write(tmp_path / "a.wav", y, SR, subtype="FLOAT")
    found, _ = channels(str(tmp_path / "a.wav"))
    assert found.shape == (len(y), 1)
    np.testing.assert_allclose(found[:, 0], y.mean(axis=1), atol=1e-6)


def test_channels_are_those_of_the_one_decoder(tmp_path: Path) -> None:
    coded = tmp_path / "a.m4a"
    coded.write_bytes(aac(white(1.0, sides=2), SR, 96))
    found, _ = channels(coded)
    np.testing.assert_allclose(found.mean(axis=1), load(coded).y, atol=1e-6)


def test_what_is_no_music_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"words, not music. " * 40)
    with pytest.raises(AudioError, match=r"a\.mp3"):
        channels(tmp_path / "a.mp3")


@pytest.mark.parametrize("sides", [1, 2])
def test_every_channel_is_resampled(sides: int) -> None:
    y = np.repeat(sine(1_000.0), sides, axis=1) * np.arange(1, sides + 1, dtype=np.float32)
    out = resampled(y, SR, 8_000)
    assert out.shape == (8_000, sides)
    middle = slice(1_000, 7_000)
    np.testing.assert_allclose(out[middle, -1], sides * out[middle, 0], atol=1e-5)
    assert float(np.std(out[middle, 0])) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
