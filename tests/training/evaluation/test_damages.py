"""Damages have the size that their names say, and are the same for the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrewise.errors import UnknownName
from genrewise.training.augment.vocoder import stretched
from genrewise.training.damages import CLEAN, DAMAGES, chances, chosen

F32 = NDArray[np.float32]
SR = 44_100
PAGE = Path(__file__).resolve().parents[3] / "docs" / "evaluate.md"

CODECS = [name for name in DAMAGES if "kbit/s" in name]
#: What takes samples or adds some.
LONGER = ("5 s of hiss in front", "long silence in front")
FASTER = {
    "6 % faster, same pitch": 1.06,
    "6 % slower, same pitch": 0.94,
    "5 % faster": 1.05,
    "5 % slower": 0.95,
}
EXCERPTS = [name for name in DAMAGES if name.endswith(" s only")]
#: What gives samples back as they were, beyond full scale too.
PARTS = {CLEAN, *EXCERPTS, *LONGER, "left channel only", "faded in and out"}


def maybe(name: str, y: F32, sr: int = SR, seed: str = "x") -> F32 | None:
    return DAMAGES[name](y, sr, chances(seed, name))


def hurt(name: str, y: F32, sr: int = SR, seed: str = "x") -> F32:
    """What a damage makes of samples; it must change them."""
    damaged = maybe(name, y, sr, seed)
    assert damaged is not None
    return damaged


def sine(hz: float, seconds: float = 2.0, level: float = 0.5, sr: int = SR) -> F32:
    t = np.arange(round(seconds * sr)) / sr
    return (level * np.sin(2 * np.pi * hz * t)).astype(np.float32)[:, None]


def white(seconds: float = 2.0, sr: int = SR, sides: int = 1) -> F32:
    return (0.1 * np.random.default_rng(1).standard_normal((round(seconds * sr), sides))).astype(
        np.float32
    )


def bursts(sr: int = SR) -> F32:
    """A tone of 0.1 s at 0.5 s and at 2.5 s, of 3 s."""
    y = sine(1_000.0, 3.0, sr=sr)
    t = np.arange(len(y)) / sr
    y[(abs(t - 0.55) > 0.05) & (abs(t - 2.55) > 0.05)] = 0
    return y


def apart(y: F32, sr: int = SR) -> float:
    """Seconds between the two bursts, by the middle of their power."""
    t, power = np.arange(len(y)) / sr, y[:, 0].astype(np.float64) ** 2
    half = len(y) // 2
    first, second = (np.average(t[s], weights=power[s]) for s in (slice(half), slice(half, None)))
    return float(second - first)


def decibels(y: F32, reference: F32) -> float:
    return float(20 * np.log10(np.std(y) / np.std(reference)))


def band_db(y: F32, low: float, high: float, sr: int = SR) -> float:
    """Mean power of a band of the first channel in dB, without the first and last tenth."""
    middle = y[len(y) // 10 : -len(y) // 10, 0]
    power = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    hz = np.fft.rfftfreq(len(middle), 1 / sr)
    return float(10 * np.log10(power[(hz >= low) & (hz < high)].mean() + 1e-12))


def pitch_of(y: F32, sr: int = SR, side: int = 0) -> float:
    """Hz of the strongest tone, to a fraction of a bin."""
    spectrum = np.abs(np.fft.rfft(y[:, side] * np.hanning(len(y)), 8 * len(y)))
    return float(spectrum.argmax() * sr / (8 * len(y)))


# ------------------------------------------------------------------- level


def test_clean_is_untouched() -> None:
    y = white(sides=2)
    np.testing.assert_array_equal(hurt(CLEAN, y), y)
    assert next(iter(DAMAGES)) == CLEAN


@pytest.mark.parametrize(
    ("name", "gain"),
    [("6 dB louder", 6), ("6 dB softer", -6), ("20 dB softer", -20), ("10 dB louder, clipped", 10)],
)
def test_gain_in_decibels(name: str, gain: int) -> None:
    y = sine(440.0, level=0.2)
    assert decibels(hurt(name, y), y) == pytest.approx(gain, abs=1e-3)
    np.testing.assert_allclose(hurt(name, y), y * 10 ** (gain / 20), rtol=1e-5)


@pytest.mark.parametrize(("name", "gain"), [("6 dB louder", 6), ("10 dB louder, clipped", 10)])
def test_louder_is_clipped_at_full_scale(name: str, gain: int) -> None:
    y = sine(440.0, level=0.8)
    loud, factor = hurt(name, y), 10 ** (gain / 20)
    np.testing.assert_allclose(loud, np.clip(factor * y, -1, 1), atol=1e-6)
    clipped = np.mean(np.abs(loud) == 1.0)
    assert clipped == pytest.approx(1 - 2 / np.pi * np.arcsin(1 / (0.8 * factor)), abs=0.01)


# ------------------------------------------------------------------- codecs


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize(("sr", "sides"), [(8_000, 1), (44_100, 2)])
def test_a_codec_keeps_music_in_its_place(name: str, sr: int, sides: int) -> None:
    """In the channel that it was in, and no sample later where the file has room to say so."""
    y = bursts(sr) + sine(300.0, 3.0, 0.1, sr)
    y = np.concatenate([y, sine(700.0, 3.0, sr=sr)], axis=1)[:, :sides]
    coded = hurt(name, y, sr)
    assert coded.shape == y.shape
    assert not np.array_equal(coded, y)
    late = round(0.0501 * sr) if name == "mp3, 32 kbit/s" else 0
    for side in range(sides):
        before, after = y[: -sr // 10, side], coded[late : late + len(y) - sr // 10, side]
        assert np.corrcoef(before, after)[0, 1] > 0.97


@pytest.mark.parametrize(
    ("name", "cut"),
    [("mp3, 64 kbit/s", 16_000), ("mp3, 32 kbit/s", 11_100), ("Opus, 32 kbit/s", 20_000)],
)
def test_a_codec_keeps_the_low_and_loses_the_high(name: str, cut: int) -> None:
    y = white(3.0)
    coded = hurt(name, y)
    assert band_db(coded, 500, 3000) == pytest.approx(band_db(y, 500, 3000), abs=3.0)
    assert band_db(coded, cut + 1000, 22_000) < band_db(y, cut + 1000, 22_000) - 30


def test_more_bits_are_nearer_to_the_original() -> None:
    y = white(3.0)
    off = [
        float(np.std(hurt(f"mp3, {kbps} kbit/s", y)[:-2_000] - y[:-2_000]))
        for kbps in (320, 128, 64, 32)
    ]
    assert off == sorted(off)
    assert off[0] < 0.5 * off[-1]


# ------------------------------------------------------------------- spectrum


@pytest.mark.parametrize("sr", [8_000, 22_050, 48_000])
def test_a_telephone_lets_300_to_3400_hz_through(sr: int) -> None:
    y = white(4.0, sr)
    heard = hurt("telephone, 300–3400 Hz", y, sr)
    assert len(heard) == len(y)
    assert band_db(heard, 500, 3000, sr) == pytest.approx(band_db(y, 500, 3000, sr), abs=0.5)
    assert band_db(heard, 0, 150, sr) < band_db(y, 0, 150, sr) - 30
    if sr > 9_000:
        assert band_db(heard, 4_100, sr / 2, sr) < band_db(y, 4_100, sr / 2, sr) - 40


@pytest.mark.parametrize("khz", [4, 8])
@pytest.mark.parametrize("sr", [22_050, 48_000])
def test_nothing_above_a_frequency(khz: int, sr: int) -> None:
    """Of the energy of white noise there less than a hundredth; what lies below stays."""
    name, y, edge = f"nothing above {khz} kHz", white(4.0, sr, 2), 1000 * khz
    low = hurt(name, y, sr)
    for side in (0, 1):
        power, before = (np.abs(np.fft.rfft(z[:, side])) ** 2 for z in (low, y))
        above = np.fft.rfftfreq(len(y), 1 / sr) > edge
        assert power[above].sum() < 0.01 * before[above].sum()
        assert power[above].sum() < 0.01 * power.sum()
        assert power[~above].sum() == pytest.approx(before[~above].sum(), rel=0.03)


def test_a_tone_below_the_edge_stays_and_one_above_goes() -> None:
    name = "nothing above 4 kHz"
    for hz in (1_000.0, 3_900.0):
        tone = sine(hz)
        assert decibels(hurt(name, tone)[9_000:], tone[9_000:]) == pytest.approx(0, abs=0.11)
    for hz in (4_200.0, 15_000.0):
        tone = sine(hz)
        assert decibels(hurt(name, tone)[9_000:], tone[9_000:]) < -59


@pytest.mark.parametrize(("khz", "sr"), [(4, 8_000), (8, 16_000), (8, 11_025)])
def test_a_file_that_can_hold_nothing_above_is_not_damaged(khz: int, sr: int) -> None:
    assert maybe(f"nothing above {khz} kHz", white(1.0, sr), sr) is None


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


# ------------------------------------------------------------------- tempo and pitch


@pytest.mark.parametrize("name", [name for name in FASTER if "same pitch" in name])
@pytest.mark.parametrize("sr", [8_000, 32_000])
def test_tempo_changes_and_pitch_stays(name: str, sr: int) -> None:
    y, factor = sine(1_000.0, 3.0, sr=sr), FASTER[name]
    fast = hurt(name, y, sr)
    assert len(fast) == round(len(y) / factor)
    assert pitch_of(fast, sr) == pytest.approx(1_000.0, abs=0.5)
    assert apart(hurt(name, bursts(sr), sr), sr) == pytest.approx(2.0 / factor, abs=0.02)


@pytest.mark.parametrize(("name", "semitones"), [("1 semitone up", 1), ("1 semitone down", -1)])
@pytest.mark.parametrize("sr", [8_000, 32_000])
def test_pitch_changes_and_tempo_stays(name: str, semitones: int, sr: int) -> None:
    y, factor = sine(1_000.0, 3.0, sr=sr), 2 ** (semitones / 12)
    high = hurt(name, y, sr)
    assert high.shape == y.shape
    assert pitch_of(high, sr) == pytest.approx(1_000.0 * factor, abs=0.5)
    assert apart(hurt(name, bursts(sr), sr), sr) == pytest.approx(2.0, abs=0.02)


@pytest.mark.parametrize(("name", "factor"), [("5 % faster", 1.05), ("5 % slower", 0.95)])
@pytest.mark.parametrize("sr", [22_254, 44_100])
def test_speed_changes_pitch_and_length_together(name: str, factor: float, sr: int) -> None:
    y = sine(1_000.0, 3.0, sr=sr)
    fast = hurt(name, y, sr)
    assert len(fast) == pytest.approx(len(y) / factor, rel=1e-3)
    assert pitch_of(fast, sr) == pytest.approx(1_000.0 * factor, abs=0.5)


def test_what_a_model_hears_of_stretched_stereo_is_the_stretched_mix() -> None:
    y = np.concatenate([sine(300.0), sine(800.0, level=0.3)], axis=1) + white(sides=2)
    fast = hurt("6 % faster, same pitch", y)
    mix = stretched(y.mean(axis=1).astype(np.float32), SR, 1.06)
    np.testing.assert_allclose(fast.mean(axis=1), mix, atol=1e-5)
    assert [pitch_of(fast, side=side) for side in (0, 1)] == pytest.approx([300, 800], abs=0.5)


# ------------------------------------------------------------------- channels


def test_the_left_channel_of_two() -> None:
    y = white(sides=2)
    np.testing.assert_array_equal(hurt("left channel only", y), y[:, [0, 0]])


def test_wider_doubles_what_differs() -> None:
    y = white(sides=2)
    wide = hurt("wider stereo", y)
    np.testing.assert_allclose(wide[:, 0] - wide[:, 1], 2 * (y[:, 0] - y[:, 1]), atol=1e-6)
    np.testing.assert_allclose(wide.mean(axis=1), y.mean(axis=1), atol=1e-6)
    apart = np.array([[0.9, -0.9]], dtype=np.float32)
    np.testing.assert_array_equal(hurt("wider stereo", apart), [[1.0, -1.0]])


@pytest.mark.parametrize("name", ["left channel only", "wider stereo"])
def test_one_channel_has_no_sides(name: str) -> None:
    assert maybe(name, white()) is None
    assert maybe(name, np.repeat(white(), 2, axis=1)) is None  # mono in two channels


# ------------------------------------------------------------------- parts of a track


@pytest.mark.parametrize(
    ("name", "start", "stop"),
    [
        ("first 5 s only", 0, 5),
        ("middle 5 s only", 6, 11),
        ("first 10 s only", 0, 10),
        ("middle 10 s only", 3.5, 13.5),
        ("last 10 s only", 7, 17),
    ],
)
def test_excerpts_are_the_seconds_that_they_say(name: str, start: float, stop: float) -> None:
    sr = 8_000
    y = white(17.0, sr, 2)
    found = hurt(name, y, sr)
    np.testing.assert_array_equal(found, y[round(start * sr) : round(stop * sr)])
    assert maybe(name, y[: round((stop - start) * sr)], sr) is None
    assert maybe(name, y[: sr // 5], sr) is None
    assert name in EXCERPTS


def test_a_fade_is_a_straight_line_of_10_s() -> None:
    sr = 8_000
    level = hurt("faded in and out", np.ones((25 * sr, 2), dtype=np.float32), sr)
    at = {0: 0.0, 1: 0.1, 5: 0.5, 9: 0.9, 10: 1.0, 14: 1.0, 20: 0.5, 24: 0.1}
    for second, expected in at.items():
        assert level[second * sr].tolist() == pytest.approx([expected] * 2, abs=2e-4), second
    np.testing.assert_array_equal(level, level[::-1])
    assert level[0, 0] == level[-1, 0] == 0.0


def test_fades_that_would_meet_are_none() -> None:
    assert maybe("faded in and out", white(19.99, 8_000), 8_000) is None
    assert hurt("faded in and out", white(20.0, 8_000), 8_000).shape == (160_000, 1)


@pytest.mark.parametrize("sides", [1, 2])
def test_hiss_runs_for_5_s_before_the_music(sides: int) -> None:
    y = np.repeat(sine(440.0, 3.0, 0.2, 8_000), sides, axis=1)
    found = hurt("5 s of hiss in front", y, 8_000)
    np.testing.assert_array_equal(found[40_000:], y)
    hiss = found[:40_000]
    np.testing.assert_array_equal(hiss, hiss[:, [0] * sides])
    assert decibels(hiss[:, :1], y[:, :1]) == pytest.approx(-30.0, abs=0.01)


def test_silence_in_front_is_half_as_long_as_the_music() -> None:
    y = white(3.0, 8_000, 2)
    found = hurt("long silence in front", y, 8_000)
    np.testing.assert_array_equal(found, np.concatenate([np.zeros((12_000, 2)), y]))


# ------------------------------------------------------------------- all alike


@given(
    st.integers(880, 12_000),
    st.sampled_from([8_000, 22_050, 44_100, 48_000]),
    st.sampled_from([1, 2]),
    st.sampled_from([0.0, 0.3, 1.0, 2.0]),
)
@settings(max_examples=8, deadline=None)
def test_any_clip_survives_every_damage(n: int, sr: int, sides: int, level: float) -> None:
    y = (level * np.random.default_rng(n).uniform(-1, 1, (n, sides))).astype(np.float32)
    before = y.copy()
    for name in DAMAGES:
        damaged = maybe(name, y, sr, "clip")
        np.testing.assert_array_equal(y, before, err_msg=name)
        if damaged is None:
            continue
        assert damaged.dtype == np.float32, name
        assert damaged.ndim == 2, name
        assert damaged.shape[1] == sides, name
        assert np.isfinite(damaged).all(), name
        if level <= 1 or name not in PARTS:
            assert np.abs(damaged).max() <= 1, name
        if name not in LONGER:
            assert len(damaged) == pytest.approx(n / FASTER.get(name, 1.0), abs=1), name


@pytest.mark.parametrize("sr", [8_000, 48_000])
@pytest.mark.parametrize("sides", [1, 2])
def test_a_fifth_of_a_second_has_no_excerpts_and_no_fades(sr: int, sides: int) -> None:
    y = white(0.2, sr, sides)
    none = {name for name in DAMAGES if maybe(name, y, sr) is None}
    short = {*EXCERPTS, "faded in and out"}
    mono = {"left channel only", "wider stereo"} if sides == 1 else set()
    low = {"nothing above 4 kHz", "nothing above 8 kHz"} if sr == 8_000 else set()
    assert none == short | mono | low


@pytest.mark.parametrize("name", list(DAMAGES))
def test_the_same_file_is_damaged_the_same_way(name: str) -> None:
    y = white(21.0 if name in {*EXCERPTS, "faded in and out"} else 1.0, 22_050, 2)
    np.testing.assert_array_equal(
        hurt(name, y, 22_050, "a/b.wav@0"), hurt(name, y, 22_050, "a/b.wav@0")
    )


@pytest.mark.parametrize("name", ["white noise, 20 dB below", "5 s of hiss in front"])
def test_another_file_has_other_noise(name: str) -> None:
    y = white(1.0)
    assert not np.array_equal(hurt(name, y, seed="a.wav"), hurt(name, y, seed="b.wav"))


def test_chances_are_of_the_file_and_the_damage() -> None:
    one = chances("a.wav", "noise").random(4)
    assert one.tolist() == chances("a.wav", "noise").random(4).tolist()
    for other in (("b.wav", "noise"), ("a.wav", "noise 2"), ("a.wavnoise", "")):
        assert one.tolist() != chances(*other).random(4).tolist()
    chances("not \udcff UTF-8", "noise").random()


# ------------------------------------------------------------------- their names


def test_every_name_is_short_and_stands_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    for name in DAMAGES:
        assert len(name) <= 24, name
        assert name == CLEAN or f"`{name}`" in page, name


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ((), tuple(DAMAGES)),
        (("5 % faster", "MP3,  64 kbit/s"), (CLEAN, "mp3, 64 kbit/s", "5 % faster")),
        (("telephone, 300-3400 hz",), (CLEAN, "telephone, 300–3400 Hz")),
        ((CLEAN,), (CLEAN,)),
    ],
)
def test_damages_by_name(typed: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert chosen(typed) == found


@pytest.mark.parametrize(
    ("typed", "near"), [("mp3 64 kbit/s", "mp3, 64 kbit/s"), ("1 semitone", "1 semitone up")]
)
def test_a_name_that_is_none_gets_the_nearest(typed: str, near: str) -> None:
    with pytest.raises(UnknownName, match=f"no damage named '{typed}'.*Did you mean .*{near}"):
        chosen([CLEAN, typed])
