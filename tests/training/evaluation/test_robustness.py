"""Damages have the size that their names say; the table counts what they do to answers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrewise.audio import load
from genrewise.errors import DatasetError
from genrewise.training.datasets import read
from genrewise.training.robustness import (
    CLEAN,
    DAMAGES,
    LONGEST,
    MP3_RATES,
    chances,
    channels,
    mp3,
    robustness,
    scores,
)

F32 = NDArray[np.float32]
SR = 44_100


def hurt(name: str, y: F32, sr: int = SR, seed: str = "x") -> F32:
    """What a damage makes of samples; it must change them."""
    damaged = DAMAGES[name](y, sr, chances(seed, name))
    assert damaged is not None
    return damaged


def sine(hz: float, seconds: float = 2.0, level: float = 0.5, sr: int = SR) -> F32:
    t = np.arange(round(seconds * sr)) / sr
    return (level * np.sin(2 * np.pi * hz * t)).astype(np.float32)[:, None]


def white(seconds: float = 2.0, sr: int = SR, sides: int = 1) -> F32:
    return (0.1 * np.random.default_rng(1).standard_normal((round(seconds * sr), sides))).astype(
        np.float32
    )


def band_db(y: F32, low: float, high: float, sr: int = SR) -> float:
    """Mean power of a band of the first channel in dB, without the first and last tenth."""
    middle = y[len(y) // 10 : -len(y) // 10, 0]
    power = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    hz = np.fft.rfftfreq(len(middle), 1 / sr)
    return float(10 * np.log10(power[(hz >= low) & (hz < high)].mean() + 1e-12))


def pitch_of(y: F32, sr: int = SR) -> float:
    """Hz of the strongest tone, to a fraction of a bin."""
    spectrum = np.abs(np.fft.rfft(y[:, 0] * np.hanning(len(y)), 8 * len(y)))
    return float(spectrum.argmax() * sr / (8 * len(y)))


# ------------------------------------------------------------------- one by one


def test_clean_is_untouched() -> None:
    y = white(sides=2)
    np.testing.assert_array_equal(hurt(CLEAN, y), y)
    assert next(iter(DAMAGES)) == CLEAN


def test_softer_is_a_tenth() -> None:
    y = white()
    np.testing.assert_allclose(hurt("20 dB softer", y), 0.1 * y, rtol=1e-6)


def test_louder_is_clipped_at_full_scale() -> None:
    y = sine(440.0)
    loud = hurt("10 dB louder, clipped", y)
    np.testing.assert_allclose(loud, np.clip(np.sqrt(10.0) * y, -1, 1), atol=1e-6)
    clipped = np.mean(np.abs(loud) == 1.0)
    assert clipped == pytest.approx(1 - 2 / np.pi * np.arcsin(1 / (0.5 * np.sqrt(10))), abs=0.01)


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
    coded = mp3(white(3.0, sr, sides), sr, kbps)
    assert frames(coded) == {(kbps, MP3_RATES[kbps][0], sides)}
    assert len(coded) * 8 / 3.0 == pytest.approx(1000 * kbps, rel=0.05)


@pytest.mark.parametrize(("name", "cut"), [("mp3, 64 kbit/s", 16_000), ("mp3, 32 kbit/s", 11_100)])
def test_mp3_keeps_the_low_and_loses_the_high(name: str, cut: int) -> None:
    y = white(3.0)
    coded = hurt(name, y)
    assert coded.shape == y.shape
    assert band_db(coded, 500, 3000) == pytest.approx(band_db(y, 500, 3000), abs=2.0)
    assert band_db(coded, cut + 1000, 22_000) < band_db(y, cut + 1000, 22_000) - 30
    assert not np.array_equal(coded, y)


@pytest.mark.parametrize("sr", [8_000, 22_050, 48_000])
def test_a_telephone_lets_300_to_3400_hz_through(sr: int) -> None:
    y = white(4.0, sr)
    heard = hurt("telephone, 300–3400 Hz", y, sr)
    assert len(heard) == pytest.approx(len(y), abs=2)
    assert band_db(heard, 500, 3000, sr) == pytest.approx(band_db(y, 500, 3000, sr), abs=0.5)
    assert band_db(heard, 0, 150, sr) < band_db(y, 0, 150, sr) - 30
    if sr > 9_000:
        assert band_db(heard, 4_100, sr / 2, sr) < band_db(y, 4_100, sr / 2, sr) - 40


def test_nothing_above_4_khz() -> None:
    name = "nothing above 4 kHz"
    low, high = sine(1_000.0), sine(8_000.0)
    np.testing.assert_allclose(np.std(hurt(name, low)[2000:]), np.std(low), rtol=0.01)
    assert 20 * np.log10(np.std(hurt(name, high)[2000:]) / np.std(high)) < -55
    edge = sine(4_000.0)
    assert 20 * np.log10(np.std(hurt(name, edge)[2000:]) / np.std(edge)) == pytest.approx(
        -3, abs=0.1
    )


def test_a_file_that_can_hold_nothing_above_4_khz_is_not_damaged() -> None:
    name = "nothing above 4 kHz"
    assert DAMAGES[name](white(1.0, 8_000), 8_000, chances("x", name)) is None


@pytest.mark.parametrize("snr", [10, 20])
@pytest.mark.parametrize("sides", [1, 2])
def test_noise_is_as_far_below_as_it_says(snr: int, sides: int) -> None:
    y = np.repeat(sine(440.0, level=0.2), sides, axis=1)
    noisy = hurt(f"white noise, {snr} dB below", y)
    mix, added = y.mean(axis=1), (noisy.astype(np.float64) - y).mean(axis=1)
    assert 10 * np.log10(np.mean(mix**2) / np.mean(added**2)) == pytest.approx(snr, abs=0.01)
    bands = [band_db(added[:, None], hz, hz + 2_000) for hz in range(0, 22_000, 2_000)]
    assert max(bands) - min(bands) < 1.0  # white


def test_noise_below_silence_is_silence() -> None:
    y = np.zeros((1000, 1), dtype=np.float32)
    np.testing.assert_array_equal(hurt("white noise, 10 dB below", y), y)


@pytest.mark.parametrize(("name", "factor"), [("5 % faster", 1.05), ("5 % slower", 0.95)])
@pytest.mark.parametrize("sr", [22_254, 44_100])
def test_speed_changes_pitch_and_length_together(name: str, factor: float, sr: int) -> None:
    y = sine(1_000.0, 3.0, sr=sr)
    fast = hurt(name, y, sr)
    assert len(fast) == pytest.approx(len(y) / factor, rel=1e-3)
    assert pitch_of(fast, sr) == pytest.approx(1_000.0 * factor, abs=0.5)


def test_the_first_seconds_of_a_longer_clip() -> None:
    y = white(6.0, 8_000, 2)
    np.testing.assert_array_equal(hurt("first 5 s only", y, 8_000), y[:40_000])
    assert DAMAGES["first 5 s only"](y[:40_000], 8_000, chances("x", "y")) is None


def test_the_left_channel_of_two() -> None:
    y = white(sides=2)
    np.testing.assert_array_equal(hurt("left channel only", y), y[:, :1])
    assert DAMAGES["left channel only"](y[:, :1], SR, chances("x", "y")) is None


# ------------------------------------------------------------------- all alike


@given(
    st.integers(900, 12_000),
    st.sampled_from([8_000, 22_050, 44_100, 48_000]),
    st.sampled_from([1, 2]),
    st.sampled_from([0.0, 0.3, 2.0]),
)
@settings(max_examples=12, deadline=None)
def test_any_clip_survives_every_damage(n: int, sr: int, sides: int, level: float) -> None:
    y = (level * np.random.default_rng(n).uniform(-1, 1, (n, sides))).astype(np.float32)
    before = y.copy()
    for name, damage in DAMAGES.items():
        damaged = damage(y, sr, chances("clip", name))
        np.testing.assert_array_equal(y, before, err_msg=name)
        if damaged is not None:
            assert damaged.dtype == np.float32, name
            assert damaged.ndim == 2, name
            assert damaged.shape[1] in {1, sides}, name
            assert np.isfinite(damaged).all(), name
            assert 0.9 * n <= len(damaged) <= 1.1 * n, name


@pytest.mark.parametrize("name", list(DAMAGES))
def test_the_same_file_is_damaged_the_same_way(name: str) -> None:
    y = white(6.0, 22_050, 2)
    np.testing.assert_array_equal(
        hurt(name, y, 22_050, "a/b.wav@0"), hurt(name, y, 22_050, "a/b.wav@0")
    )


def test_chances_are_of_the_file_and_the_damage() -> None:
    one = chances("a.wav", "noise").random(4)
    assert one.tolist() == chances("a.wav", "noise").random(4).tolist()
    for other in (("b.wav", "noise"), ("a.wav", "noise 2"), ("a.wavnoise", "")):
        assert one.tolist() != chances(*other).random(4).tolist()
    chances("not \udcff UTF-8", "noise").random()


# ------------------------------------------------------------------- channels of a file


def test_two_channels_come_side_by_side(tmp_path: Path) -> None:
    y = np.column_stack([sine(300.0)[:, 0], sine(700.0)[:, 0]])
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


# ------------------------------------------------------------------- the figures of a row


def test_a_row_by_hand() -> None:
    truth = np.array([0, 0, 1, 1])
    clean = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
    damaged = np.array([[0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.4, 0.6]])
    answered = np.array([True, True, False, True])
    row = scores(truth, np.arange(4), clean, damaged, answered)
    assert (row["n"], row["groups"]) == (4, 4)
    assert row["accuracy"] == 0.75  # 1 0 1 1
    assert row["change"] == 0.0  # 0.75 before: 1 1 1 0
    assert row["answered"] == 0.75
    assert row["right_when_answered"] == pytest.approx(2 / 3)
    assert row["truth"] == pytest.approx((-0.1 - 0.3 - 0.2 + 0.3) / 4)
    assert row["changed"] == 0.5
    assert row["change_interval"][0] < 0 < row["change_interval"][1]


def test_nothing_answered_is_no_share() -> None:
    p = np.array([[0.9, 0.1], [0.1, 0.9]])
    row = scores(np.array([0, 1]), np.arange(2), p, p, np.zeros(2, bool))
    assert (row["answered"], row["right_when_answered"]) == (0.0, None)


# ------------------------------------------------------------------- a model and its files


def table(model: str, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows of a folder by damage, and the whole; models choose among low, middle, high."""
    dataset = read(folder)
    place = {"low": 0, "middle": 1, "high": 2}
    truth = {i: place[item.label] for i, item in enumerate(dataset.items)}
    whole = robustness(model, dataset, truth, (0, 1, 2), workers=1)
    return {row["damage"]: row for row in whole["rows"]}, whole


def test_rows_say_what_each_damage_does_to_answers(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    """The model parts low from middle near 515 Hz and middle from high near 2 kHz."""
    clips = {"low": (300, 505), "middle": (600, 1000), "high": (5000,)}
    rows, whole = table(pitch, make_tones(tmp_path / "m", clips))
    assert list(rows) == [n for n in DAMAGES if n not in {"left channel only", "first 5 s only"}]
    assert whole["untouched"] == ["first 5 s only", "left channel only"]
    assert whole["failed"] == []
    clean = rows[CLEAN]
    assert (clean["n"], clean["accuracy"], clean["changed"]) == (5, 1.0, 0.0)
    assert (clean["change"], clean["change_interval"]) == (0.0, [0.0, 0.0])
    assert rows["20 dB softer"]["accuracy"] == 1.0
    fast = rows["5 % faster"]  # 505 Hz becomes 530: middle
    assert (fast["accuracy"], fast["changed"], fast["change"]) == (0.8, 0.2, pytest.approx(-0.2))
    assert fast["truth"] < -0.05
    assert rows["5 % slower"]["accuracy"] == 1.0
    noisy = rows["white noise, 10 dB below"]  # noise crosses zero more often: low is middle
    assert (noisy["accuracy"], noisy["changed"]) == (0.6, 0.4)


def test_a_model_that_is_unsure_answers_less(
    make_model: Callable[..., str], make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    model = make_model(tmp_path, "unsure", least=0.9)
    folder = make_tones(tmp_path / "m", {"low": (300, 480), "high": (5000,)})
    rows, _ = table(model, folder)
    assert rows[CLEAN]["answered"] == 1.0
    assert rows["5 % faster"]["answered"] == pytest.approx(2 / 3)  # 504 Hz: low, but not sure
    assert rows["5 % faster"]["accuracy"] == 1.0


def test_a_lost_channel_and_a_glance_count_the_files_that_they_touch(
    pitch: str, make_tone: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "m" / "low").mkdir(parents=True)
    mono = make_tone(300.0, 6.0)
    # Loud and high on the right: together they sound high, the left alone is low.
    stereo = np.column_stack([make_tone(300.0, 1.0, 0.05), make_tone(6000.0, 1.0, 0.9)])
    soundfile.write(tmp_path / "m" / "low" / "mono.wav", mono, 22050)
    soundfile.write(tmp_path / "m" / "low" / "stereo.wav", stereo, 22050)
    rows, whole = table(pitch, tmp_path / "m")
    assert (rows[CLEAN]["n"], rows[CLEAN]["accuracy"]) == (2, 0.5)
    left = rows["left channel only"]
    assert (left["n"], left["accuracy"], left["change"]) == (1, 1.0, 1.0)
    glance = rows["first 5 s only"]
    assert (glance["n"], glance["accuracy"], glance["change"]) == (1, 1.0, 0.0)
    assert whole["untouched"] == []


def test_a_clip_that_a_damage_makes_too_short_is_listed(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_tones(tmp_path / "m", {"low": (300,)})
    make_tones(folder, {"high": (5000,)}, seconds=0.102)
    rows, whole = table(pitch, folder)
    assert rows[CLEAN]["n"] == rows["20 dB softer"]["n"] == 2
    assert rows["5 % faster"]["n"] == 1
    assert [path for path, _ in whole["failed"]] == ["high/5000.wav"]
    assert whole["failed"][0][1].startswith("5 % faster: 0.097 s of audio; expected at least 0.1 s")


def test_unreadable_files_are_listed_once(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_tones(tmp_path / "m", {"low": (300,)})
    (folder / "low" / "bad.mp3").write_bytes(b"words, not music. " * 40)
    rows, whole = table(pitch, folder)
    assert [path for path, _ in whole["failed"]] == ["low/bad.mp3"]
    assert all(row["n"] == 1 for row in rows.values())
    (folder / "low" / "300.wav").unlink()
    with pytest.raises(DatasetError, match="no file could be read"):
        table(pitch, folder)


def test_the_same_table_twice_in_any_number_of_processes(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_tones(tmp_path / "m", {"low": (300, 490), "high": (5000,)})
    dataset = read(folder)
    truth = {i: (0 if item.label == "low" else 2) for i, item in enumerate(dataset.items)}
    one, two = (robustness(pitch, dataset, truth, (0, 1, 2), workers=n) for n in (1, 2))
    assert one == two


def test_a_long_file_is_heard_for_two_minutes(
    pitch: str, make_tone: Callable[..., Any], tmp_path: Path
) -> None:
    """Low for two minutes, then high for three: a whole hearing would say high."""
    (tmp_path / "m" / "low").mkdir(parents=True)
    y = np.concatenate([make_tone(300.0, LONGEST, sr=8_000), make_tone(3000.0, 180.0, sr=8_000)])
    soundfile.write(tmp_path / "m" / "low" / "mix.flac", y, 8_000)
    assert load(tmp_path / "m" / "low" / "mix.flac").seconds == 300.0
    rows, _ = table(pitch, tmp_path / "m")
    assert rows[CLEAN]["accuracy"] == 1.0
