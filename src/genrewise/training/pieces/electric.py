"""Pieces for amplifiers, turntables and a microphone: metal, hip hop."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from genrewise.training.datasets.synthesis import Mixer
from genrewise.training.pieces import drums
from genrewise.training.pieces.desk import (
    amplify,
    band,
    compress,
    drift,
    echo,
    equalise,
    finish,
    peak,
    room,
)
from genrewise.training.pieces.instruments import keys, pluck, sung, synth
from genrewise.training.pieces.session import Session, sing

__all__ = ["hiphop", "metal"]

F32 = NDArray[np.float32]

#: Four bars of riff on the low string, four of open chords.
_RIFFS = ("D2:.5 D2:.25 D2:.25 D2:.5 F2:.5 D2:.5 D2:.25 D2:.25 G2:.5 F2:.5",
          "D2:.5 D2:.25 D2:.25 D2:.5 Ab2:.5 G2:1 F2:.5 C2:.5")  # fmt: skip
_OPEN = ("D2:1.5 D2:.5 F2:2", "Bb1:1.5 Bb1:.5 C2:1 C2:1")
_TUNE = """-:1 A3:.5 A3:.5 C4:1 D4:1 | F4:1.5 E4:.5 D4:2 | -:.5 D4:.5 F4:.5 G4:.5 A4:2 |
    G4:.5 F4:.5 E4:1 C4:.5 D4:1.5 | D4:.5 F4:.5 A4:3 | Bb4:1.5 A4:.5 G4:2 |
    -:.5 A4:.5 A4:.5 G4:.5 F4:1 G4:1 | A4:4"""


def _riff(bar: int) -> str:
    return (_RIFFS if bar % 8 < 4 else _OPEN)[bar % 2]


def _guitar(s: Session, cabinet: float) -> F32:
    """One take of the rhythm guitar, through its amplifier."""
    part, rng = s.part(), s.rng
    tuning = rng.normal(0, 0.05)

    def chord(number: float, seconds: float) -> F32:
        # Short notes are damped with the palm.
        damped = seconds < 0.12
        ring, bright = (0.5, 0.6) if damped else (6.0, 0.9)
        string = partial(pluck, rng=rng, ring=ring, bright=bright, pick=0.07)
        root, fifth, octave = (
            string(number + up + tuning + rng.normal(0, 0.03), seconds) for up in (0, 7, 12)
        )
        return np.asarray(root + fifth + 0.8 * octave, dtype=np.float32)

    for bar, start in s.bars():
        s.line(part, chord, _riff(bar), start, legato=1.02)
    return amplify(peak(part.y, 1100.0, 8.0, 0.7), 80.0, tight=120.0, cabinet=cabinet)


def _drums(s: Session) -> tuple[Mixer, Mixer]:
    """Double bass drum, snare and toms; cymbals."""
    skins, metal, rng = s.part(), s.part(), s.rng
    kick = partial(drums.kick, rng, low=55.0, long=0.06, click=0.8, sweep=2.0)
    snare = partial(drums.snare, rng, tone=200.0, long=0.12)
    for bar, start in s.bars():
        feet = "x.x.xxxxx.x.xxxx" if bar % 8 < 4 or bar % 2 else "x...x.xxx...x.xx"
        s.beat(skins, kick, feet, start, level=0.55)
        s.beat(skins, snare, "....x.......x...", start, level=0.8)
        wash = partial(drums.cymbal, rng, 0.9, low=2500.0)
        s.beat(metal, wash, "x...x...x...x...", start, level=0.2)
        if bar % 4 == 0:
            crash = partial(drums.cymbal, rng, 1.2, low=2000.0)
            s.beat(metal, crash, "x...............", start, level=0.4)
        if bar % 8 == 7:
            s.beat(skins, partial(drums.tom, rng, 110.0), "........xxx.....", start, level=0.7)
            s.beat(skins, partial(drums.tom, rng, 80.0), "...........xxxxx", start, level=0.7)
    return skins, metal


def metal(rng: np.random.Generator) -> F32:
    """Four guitars in a dropped tuning, double bass drum, a high voice."""
    s = Session(25.0, 143.0, rng, loose=0.005)
    guitars = sum((_guitar(s, 6200.0 + 300 * take) for take in range(4)), s.part().y)
    bass, song = s.part(), s.part()

    def low(number: float, seconds: float) -> F32:
        return pluck(number - 12, seconds, rng, ring=1.5, bright=0.5, pick=0.1)

    for bar, start in s.bars():
        s.line(bass, low, _riff(bar), start)
    skins, cymbals = _drums(s)
    for start in (8.0, 40.0):
        for _ in range(2):
            sing(s, song, _TUNE, start, tilt=0.9, vibrato=50.0)
    voice = echo(amplify(song.y, 3.0, tight=200.0, cabinet=7000.0), 0.3, 0.25)
    y = 0.8 * guitars + 0.5 * amplify(bass.y, 4.0, tight=40.0, cabinet=3000.0) + 0.34 * voice
    y = y + 0.4 * skins.y + 0.39 * room(cymbals.y, 0.3, 0.2, rng)
    y = equalise(room(y, 0.3, 0.72, rng), (8, 9, 7, -2, -9, -2, 4, -8))
    return finish(y, rng, hiss=0.0005, push=2.0)


#: Of two bars in turn: bass drum, snare, bass, the chords on the record.
_BREAKS = (
    ("x.x.......x..x..", "....x..o.o..x...", "A1:.75 A1:.75 -:1 E1:.5 G1:.5",
     "A3,C4,E4,G4:1.5 -:1 A3,C4,E4,B4:.5"),
    ("x..x......xx....", "....x..o....x..o", "F1:.75 F1:.75 -:1 G1:.5 E1:.5",
     "F3,A3,C4,E4:1.5 -:1 G3,B3,D4,E4:1.5"),
)  # fmt: skip


def _talk(s: Session, part: Mixer, start: float, pitch: float) -> None:
    """A bar of speech in rhythm: syllables that fall, the beat a little higher; no words."""
    rng, beat = s.rng, 0.0
    while beat < 3.75:
        beats = float(rng.choice((0.25, 0.25, 0.25, 0.5)))
        if rng.random() > 0.23:
            syllable = sung(
                pitch + rng.normal(0, 1.5) + (3.0 if beat % 1 == 0 else 0.0),
                s.span(beats) * 0.95,
                rng,
                vowel="aoeiue"[rng.integers(6)],
                tilt=1.3,
                scoop=float(rng.uniform(-1, 2)),
                vibrato=0.0,
                fall=float(rng.uniform(0, 4)),
                hiss=float(rng.uniform(0.1, 0.6)),
            )
            part.add(syllable, s.at(start + beat), s.force(0.8))
        beat += beats


def _break(s: Session) -> tuple[Mixer, Mixer]:
    """Bass drum and snare; the hat."""
    skins, metal, rng = s.part(), s.part(), s.rng
    kick = partial(drums.kick, rng, low=50.0, long=0.26, click=0.5)
    snare = partial(drums.snare, rng, tone=185.0, long=0.14, dull=6400.0)
    hat = partial(drums.cymbal, rng, 0.03, low=5500.0)
    for bar, start in s.bars():
        feet, hands, _, _ = _BREAKS[bar % 2]
        s.beat(skins, kick, feet, start)
        s.beat(skins, snare, hands, start, level=0.8)
        s.beat(metal, hat, "x.x.x.x.x.x.x.x.", start, level=0.16)
    return skins, metal


def hiphop(rng: np.random.Generator) -> F32:
    """A break, a bass, chords off a worn record, a scratch, two who talk in rhythm."""
    s = Session(26.0, 103.0, rng, loose=0.006, swing=0.03)
    skins, hat = _break(s)
    bass, record, voice, table = (s.part() for _ in range(4))
    for bar, start in s.bars():
        _, _, low, chords = _BREAKS[bar % 2]
        s.line(bass, lambda n, t: synth(n, t, tilt=2.2, sweep=0.16, hold=1.5), low, start)
        s.line(record, partial(keys, rng=rng), chords, start, strum=0.01)
        if bar:
            _talk(s, voice, start, 49.0)
        if bar % 2:  # a second one answers
            _talk(s, voice, start, 54.0)
        if bar % 4 == 3:
            for beat in (2.0, 2.5, 3.0, 3.25, 3.5):
                table.add(drums.scratch(rng, 0.18), s.at(start + beat), 0.5)
    worn = band(drift(record.y, 10.0, rng), low=250.0, high=3200.0)
    mouth = compress(peak(band(voice.y, low=150.0, high=6000.0), 2500.0, 4.0), 0.05, 4.0)
    y = 1.22 * skins.y + 1.55 * hat.y + 0.57 * bass.y + 0.19 * worn + 1.13 * mouth + 0.33 * table.y
    y = y + 0.14 * drums.crackle(len(y), rng)
    y = equalise(room(y, 0.12, 0.06, rng), (2, 4, -9, -3, 3, 2, 0, -3))
    return finish(y, rng, hiss=0.001, push=2.2)
