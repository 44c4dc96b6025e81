"""Instruments, drums and what stands between them and a record, against plain acoustics."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrewise.training.datasets.synthesis import SR, hertz
from genrewise.training.pieces import desk, drums, instruments
from genrewise.training.pieces.session import Session, melody, midi

F32 = NDArray[np.float32]
Note = Callable[[float, float, np.random.Generator], F32]

NOTES: dict[str, Note] = {
    "pluck": instruments.pluck,
    "piano": instruments.piano,
    "bowed": partial(instruments.bowed, vibrato=0.0),
    "blown": partial(instruments.blown, vibrato=0.0, scoop=0.0),
    "sung": partial(instruments.sung, vibrato=0.0, scoop=0.0),
}


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(seconds: float, seed: int = 0) -> F32:
    return generator(seed).standard_normal(int(seconds * SR), dtype=np.float32)


def tone(frequency: float, seconds: float = 1.0) -> F32:
    t = np.arange(int(seconds * SR)) / SR
    return np.sin(2 * np.pi * frequency * t).astype(np.float32)


def rms(y: F32) -> float:
    return float(np.sqrt(np.mean(np.square(y, dtype=np.float64))))


def decibel(after: F32, before: F32) -> float:
    return 20 * np.log10(rms(after) / rms(before))


def cents_off(y: F32, frequency: float) -> float:
    """How far the pitch is from `frequency`, by the peak of the autocorrelation."""
    body = y[SR // 10 :].astype(np.float64)
    spectrum = np.fft.rfft(body, 2 * len(body))
    near = np.fft.irfft(np.abs(spectrum) ** 2)
    period = SR / frequency
    low, high = int(period * 0.94), int(period * 1.06) + 2
    at = low + int(np.argmax(near[low:high]))
    a, b, c = near[at - 1 : at + 2]
    return float(1200 * np.log2(period / (at + 0.5 * (a - c) / (a - 2 * b + c))))


@pytest.mark.parametrize("name", NOTES)
@pytest.mark.parametrize("number", [40, 52, 64, 74])
def test_notes_are_in_tune(name: str, number: int) -> None:
    y = NOTES[name](number, 1.0, generator())
    assert abs(cents_off(y, hertz(number))) < 25


@pytest.mark.parametrize("name", [*NOTES, "organ", "keys"])
@given(number=st.integers(28, 84), seconds=st.floats(0.05, 0.6))
@settings(max_examples=12, deadline=None)
def test_notes_have_their_length_and_are_bounded(name: str, number: int, seconds: float) -> None:
    note = NOTES.get(name) or getattr(instruments, name)
    y = note(number, seconds, generator())
    assert y.dtype == np.float32
    assert len(y) == int(seconds * SR)
    assert np.isfinite(y).all()
    assert 0.2 < np.abs(y).max() < 2.0
    # No click at either end.
    assert abs(y[0]) < 0.3
    assert abs(y[-1]) < 0.05


@pytest.mark.parametrize("name", [*NOTES, "organ", "keys"])
def test_the_same_generator_plays_the_same_note(name: str) -> None:
    note = NOTES.get(name) or getattr(instruments, name)
    first, again, other = (note(60, 0.4, generator(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_string_rings_as_long_as_it_is_told() -> None:
    short, long = (instruments.pluck(45, 1.5, generator(), ring=ring) for ring in (0.4, 4.0))
    late = slice(SR, SR + SR // 4)
    assert rms(short[late]) < 0.05 * rms(long[late])


def test_a_hard_hammer_is_brighter() -> None:
    soft, hard = (instruments.piano(48, 1.0, generator(), force=f) for f in (0.1, 1.0))
    share = [rms(desk.band(y, low=1500.0)) / rms(y) for y in (soft, hard)]
    assert share[1] > 1.5 * share[0]


def test_vowels_differ_where_throats_do() -> None:
    """The second resonance: high in i, low in u."""
    level = {}
    for vowel in ("i", "u"):
        y = instruments.sung(45, 1.0, generator(), vowel=vowel, tilt=1.0)
        level[vowel] = rms(desk.band(y, 1800.0, 2600.0)) / rms(y)
    assert level["i"] > 3 * level["u"]


def test_a_scoop_begins_below() -> None:
    y = instruments.blown(69, 1.0, generator(), scoop=2.0, vibrato=0.0, breath=0.0)
    starts, ends = (int(np.sum(np.diff(np.sign(p)) > 0)) for p in (y[:1103], y[-4410:-3307]))
    assert starts < ends


def test_filters_pass_and_stop() -> None:
    low, middle, high = tone(60), tone(1000), tone(8000)
    assert decibel(desk.band(middle, 100.0, 5000.0), middle) == pytest.approx(0, abs=0.2)
    assert decibel(desk.band(low, low=240.0), low) < -20
    assert decibel(desk.band(high, high=2000.0), high) < -20
    assert np.array_equal(desk.band(middle), middle)


def test_a_bell_of_the_equaliser() -> None:
    middle, far = tone(1000), tone(6000)
    assert decibel(desk.peak(middle, 1000.0, 6.0), middle) == pytest.approx(6.0, abs=0.3)
    assert decibel(desk.peak(far, 1000.0, 6.0, 2.0), far) == pytest.approx(0.0, abs=0.5)


def test_the_sliders_of_the_equaliser() -> None:
    gains = (0.0, 0.0, 0.0, -6.0, 0.0, 0.0, 9.0, 0.0)
    for frequency, wanted in ((500, -6.0), (4000, 9.0), (1000, 0.0), (125, 0.0)):
        y = tone(frequency)
        assert decibel(desk.equalise(y, gains), y) == pytest.approx(wanted, abs=0.5)


def test_a_compressor_turns_down_what_is_loud() -> None:
    quiet, loud = 0.05 * tone(440), 0.8 * tone(440)
    assert decibel(desk.compress(quiet, 0.1), quiet) == pytest.approx(0, abs=0.1)
    assert decibel(desk.compress(loud, 0.1, 3.0)[SR // 2 :], loud[SR // 2 :]) == pytest.approx(
        -20 * np.log10(0.8 / 2**0.5 / 0.1) * 2 / 3, abs=1.0
    )


def test_an_amplifier_makes_harmonics_and_its_loudspeaker_takes_the_treble() -> None:
    y = desk.amplify(tone(220), 30.0, cabinet=5000.0)
    assert rms(y) == pytest.approx(0.1, rel=0.01)
    assert rms(desk.band(y, 600.0, 720.0, 4)) > 0.1 * rms(y)
    assert rms(desk.band(y, low=9000.0, order=6)) < 0.01 * rms(y)
    clean = desk.amplify(tone(220), 0.5)
    assert rms(desk.band(clean, 600.0, 720.0, 4)) < 0.03 * rms(clean)


def test_a_room_goes_on_after_the_sound() -> None:
    y = np.concatenate([noise(0.1), np.zeros(SR, np.float32)])
    wet = desk.room(y, 0.4, 0.5, generator())
    tail = [rms(wet[int(a * SR) : int((a + 0.1) * SR)]) for a in (0.2, 0.9)]
    assert tail[0] > 4 * tail[1] > 0
    assert np.array_equal(desk.room(y, 0.4, 0.0, generator()), y)


def test_an_echo_comes_when_it_should() -> None:
    y = np.zeros(SR, np.float32)
    y[:200] = tone(800)[:200]
    out = desk.echo(y, 0.25, 0.5, times=2)
    late = int(0.25 * SR)
    assert rms(out[late : late + 400]) > 0.15 * rms(y[:400])
    assert rms(out[late // 2 : late - 10]) == 0


def test_wow_moves_the_pitch_and_no_more_than_said() -> None:
    y = desk.drift(tone(1000, 2.0), 10.0, generator())
    crossings = np.flatnonzero(np.diff(np.sign(y)) > 0)
    cents = 1200 * np.log2(SR * 50 / (crossings[50:] - crossings[:-50]) / 1000)
    assert 2 < np.abs(cents).max() < 25


def test_the_record_is_faded_and_at_its_level() -> None:
    y = desk.finish(noise(3.0), generator(), top=8000.0)
    assert np.abs(y).max() == pytest.approx(0.9)
    assert abs(y[0]) < 1e-3
    assert abs(y[-1]) < 1e-3
    assert rms(desk.band(y, low=9500.0, order=8)) < 0.05 * rms(y)


def test_drums_lie_where_drums_do() -> None:
    kick, snare = drums.kick(generator()), drums.snare(generator())
    hat, crash = drums.cymbal(generator(), 0.02), drums.cymbal(generator(), 1.0)
    assert rms(desk.band(kick, high=150.0)) > 0.8 * rms(kick)
    assert rms(desk.band(snare, 150.0, 6000.0)) > 0.6 * rms(snare)
    assert rms(desk.band(hat, low=4000.0)) > 0.8 * rms(hat)
    assert len(crash) > 10 * len(hat)
    low, high = (np.argmax(np.abs(np.fft.rfft(drums.tom(generator(), f)))) for f in (80, 160))
    assert high == pytest.approx(2 * low, rel=0.25)


@pytest.mark.parametrize(
    ("name", "number"), [("A4", 69), ("C4", 60), ("Bb2", 46), ("F#3", 54), ("E2", 40)]
)
def test_names_of_notes(name: str, number: int) -> None:
    assert midi(name) == number


def test_lines_of_music() -> None:
    found = list(melody("G4:2 | Bb4,D5:1 -:.5 E4:.5", 8.0))
    assert found == [(8.0, 2.0, (67,)), (10.0, 1.0, (70, 74)), (11.5, 0.5, (64,))]


def test_time_in_a_session() -> None:
    strict = Session(10.0, 120.0, generator(), loose=0.0)
    assert [strict.at(b) for b in (0.0, 0.5, 1.0, 3.0)] == [0.0, 0.25, 0.5, 1.5]
    assert strict.span(3.0) == 1.5
    assert list(strict.bars()) == [(i, 4.0 * i) for i in range(5)]
    swung = Session(10.0, 60.0, generator(), loose=0.0, swing=1 / 6)
    # The second eighth falls on the last triplet, the beats stay.
    assert [swung.at(b) for b in (0.0, 0.5, 1.0)] == pytest.approx([0.0, 2 / 3, 1.0])


def test_people_are_never_exact() -> None:
    s = Session(10.0, 120.0, generator(), loose=0.01)
    missed = np.array([s.at(4.0) - 2.0 for _ in range(400)])
    assert 0.008 < missed.std() < 0.012
    loud = [s.force(2.0) for _ in range(200)]
    assert 1.6 < min(loud) < max(loud) < 2.3


def test_a_pattern_of_hits() -> None:
    s = Session(2.0, 120.0, generator(), loose=0.0)
    part = s.part()
    click = np.ones(10, np.float32)
    s.beat(part, lambda: click, "x..o x...", 0.0, steps=4)
    at = np.flatnonzero(np.diff(part.y, prepend=np.float32(0)) > 0)
    assert at.tolist() == [0, int(0.375 * SR), int(0.5 * SR)]
    assert part.y[at[1]] < 0.6 * part.y[at[0]]


def test_a_line_is_played_where_it_is_written() -> None:
    s = Session(3.0, 60.0, generator(), loose=0.0)
    part, played = s.part(), []

    def note(number: float, seconds: float) -> F32:
        played.append((number, seconds))
        return np.ones(int(seconds * SR), np.float32)

    s.line(part, note, "-:1 C4,E4:1 G4:.5", legato=0.5)
    assert played == [(60, 0.5), (64, 0.5), (67, 0.25)]
    sounding = np.abs(part.y) > 0
    assert not sounding[: SR - 1].any()
    assert sounding[SR + 10 : int(1.49 * SR)].all()
    assert not sounding[int(1.51 * SR) : 2 * SR - 1].any()
