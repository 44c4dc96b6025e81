"""Pieces for bows, hammers, reeds and one man with a guitar: classical, jazz, blues."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from genrewise.training.datasets.synthesis import Mixer
from genrewise.training.pieces import drums
from genrewise.training.pieces.desk import band, drift, equalise, finish, peak, room
from genrewise.training.pieces.instruments import blown, bowed, piano, pluck
from genrewise.training.pieces.session import Session, sing

__all__ = ["blues", "jazz", "strings"]

F32 = NDArray[np.float32]

#: Brightness of the instrument, level, notes: first violins to cellos.
_STRINGS = (
    (1.05, 1.0, """B4:2 D5:1 G5:1 | F#5:1.5 E5:.5 D5:2 | G5:1 F#5:.5 E5:.5 B4:2 |
        D5:1 F#5:1 B5:1 A5:.5 F#5:.5 | G5:1.5 E5:.5 C5:1 E5:1 | D5:2 B4:1 D5:1 |
        C5:1 A4:1 F#4:.5 G4:.5 A4:.5 C5:.5 | B4:4"""),
    (1.15, 0.6, """G4:2 B4:2 | F#4:2 A4:2 | E4:2 G4:2 | F#4:2 D4:2 | E4:2 G4:2 |
        G4:4 | E4:2 D4:2 | D4:4"""),
    (1.25, 0.6, """D4:1 B3:1 D4:1 B3:1 | D4:1 A3:1 D4:1 A3:1 | B3:1 G3:1 B3:1 G3:1 |
        B3:1 F#3:1 B3:1 D4:1 | C4:1 G3:1 C4:1 E4:1 | B3:1 G3:1 D4:1 B3:1 |
        C4:1 A3:1 C4:1 A3:1 | B3:4"""),
    (1.3, 0.9, """G2:2 G3:2 | F#3:2 D3:2 | E3:2 E2:2 | D3:2 B2:2 | C3:2 C2:2 |
        B2:2 G2:2 | A2:2 D2:2 | G2:4"""),
)  # fmt: skip


def strings(rng: np.random.Generator) -> F32:
    """A slow movement for strings, four players to a part, in a hall."""
    s = Session(27.0, 72.0, rng, loose=0.03)
    part = s.part()
    for tilt, level, text in _STRINGS:
        play = partial(bowed, rng=rng, tilt=tilt, attack=0.11, scrape=0.06)
        for _ in range(4):
            s.line(part, play, text, level=level, legato=1.06)
    y = part.y
    # The body of a violin, and the bridge that makes it carry.
    for hertz, decibel in ((280, 3), (480, 2), (1000, -4), (2600, 3)):
        y = peak(y, hertz, decibel, 1.5)
    y = equalise(room(y, 0.6, 0.8, rng, dark=3500.0), (-3, -3, -1, 1, 6, 0, -8, -14))
    return finish(y, rng, hiss=0.001, push=1.0)


_WALK = """D2:1 F2:1 A2:1 Ab2:1 | G2:1 B2:1 D3:1 Db3:1 | C3:1 B2:1 G2:1 E2:1 |
    A2:1 G2:1 E2:1 Eb2:1 | D2:1 E2:1 F2:1 F#2:1 | G2:1 F2:1 D2:1 Db2:1 |
    C2:1 E2:1 G2:1 A2:1 | Bb2:1 A2:1 Ab2:1 Eb2:1"""
_COMP = """-:1.5 F3,A3,C4,E4:.5 -:1.5 F3,A3,C4,E4:.5 | -:.5 F3,A3,B3,E4:1.5 -:2 |
    E3,G3,B3,D4:.5 -:2 E3,G3,B3,D4:1.5 | -:1.5 G3,C#4,E4,F4:.5 -:2 |
    F3,A3,C4,E4:.5 -:1 F3,A3,C4,E4:.5 -:2 | -:1.5 F3,A3,B3,Eb4:2 -:.5 |
    -:.5 E3,A3,B3,D4:.5 -:3 | -:1.5 G3,C#4,E4,Bb3:.5 -:1.5 G3,C#4,F4,Bb3:.5"""
_SOLO = """-:.5 A4:.5 C5:.5 E5:.5 D5:1 A4:.5 F4:.5 |
    Ab4:.5 B4:.5 D5:.5 F5:.5 E5:.5 D5:.5 B4:.5 G4:.5 | E5:2.5 D5:.5 B4:.5 G4:.5 |
    A4:.5 Bb4:.5 C#5:.5 E5:.5 G5:1 F5:1 | -:.5 F5:.5 D5:.5 C5:.5 A4:.5 F4:.5 A4:.5 C5:.5 |
    B4:.5 Db5:.5 D5:.5 Eb5:.5 F5:.5 Ab5:.5 G5:.5 F5:.5 | E5:1.5 G4:.5 C5:1.5 D5:.5 |
    C#5:.5 E5:.5 -:3"""
_GHOSTS = ("...o....", ".....o.o", "...o..o.", ".o.....o")


def _swing(s: Session) -> Mixer:
    """Ride, hat on two and four, a feathered bass drum, a chattering snare."""
    part, rng = s.part(), s.rng
    ride = partial(drums.cymbal, rng, 0.3, low=4500.0, ping=0.8)
    hat = partial(drums.cymbal, rng, 0.02, low=4000.0)
    kick = partial(drums.kick, rng, low=60.0, long=0.1, click=0.2)
    snare = partial(drums.snare, rng, tone=210.0, wires=0.6)
    for bar, start in s.bars():
        s.beat(part, ride, "x.xox.xo", start, steps=2, level=0.13)
        s.beat(part, hat, "..x...x.", start, steps=2, level=0.15)
        s.beat(part, kick, "o.o.o.o.", start, steps=2, level=0.25)
        s.beat(part, snare, _GHOSTS[bar % 4], start, steps=2, level=0.25)
    return part


def jazz(rng: np.random.Generator) -> F32:
    """Two choruses of a quartet in swing: tenor saxophone, piano, bass, drums."""
    s = Session(26.0, 152.0, rng, loose=0.009, swing=0.15)
    bass, comp, horn, kit = s.part(), s.part(), s.part(), _swing(s)
    finger = partial(pluck, rng=rng, ring=1.6, bright=0.12, pick=0.3)
    for chorus in (0.0, 32.0):
        s.line(bass, finger, _WALK, chorus, legato=1.02)
        s.line(comp, partial(piano, rng=rng, force=0.55), _COMP, chorus, legato=0.9)
        s.line(horn, partial(blown, rng=rng, tilt=1.0, breath=0.07), _SOLO, chorus, legato=0.93)
    tenor = horn.y
    for hertz, decibel in ((550, 5), (1200, 4), (2600, -3)):
        tenor = peak(tenor, hertz, decibel, 1.5)
    y = 0.75 * band(bass.y, high=1500.0, order=1) + 0.26 * comp.y + 0.2 * tenor + kit.y
    y = equalise(room(y, 0.3, 0.35, rng, dark=3500.0), (4, 4, 4, -1, -3, -3, -8, -20))
    return finish(y, rng, hiss=0.002, push=1.3)


#: A shuffle in E: the bar by its chord; the licks that answer; the song.
_SHUFFLE = {
    "E": "E2,B2:.5 E2,B2:.5 E2,C#3:.5 E2,B2:.5 E2,D3:.5 E2,C#3:.5 E2,B2:.5 E2:.5",
    "A": "A2,E3:.5 A2,E3:.5 A2,F#3:.5 A2,E3:.5 A2,G3:.5 A2,F#3:.5 A2,E3:.5 A2:.5",
    "B": "B2,F#3:.5 B2,F#3:.5 B2,G#3:.5 B2,F#3:.5 B2,A3:.5 B2,G#3:.5 B2,F#3:.5 B2:.5",
}
_LICKS = ("-:1 G4:.5 E4:.5 D4:.5 B3:.5 D4:.5 E4:.5", "-:2 B4:.5 D5:.5 B4:.5 G4:.5",
          "G4,B4:.5 E4:1.5 -:2", "-:.5 E5:.5 D5:.5 B4:.5 A4:.5 G4:.5 E4:1")  # fmt: skip
_HOLLER = """-:.5 E3:.5 G3:.5 A3:.5 B3:1 -:1 | B3:.5 A3:.5 G3:.5 E3:1.5 -:1 |
    -:2 D3:.5 E3:.5 G3:1 | E3:2 -:2 | -:.5 E3:.5 A3:.5 B3:.5 D4:1 B3:.5 A3:.5 |
    A3:.5 G3:.5 E3:1 -:2 | -:1 B3:.5 B3:.5 A3:.5 G3:.5 E3:1 | E3:3 -:1 |
    F#3:.5 A3:.5 B3:1 D4:1 B3:1 | A3:.5 G3:.5 E3:2 -:1"""


def blues(rng: np.random.Generator) -> F32:
    """Twelve bars of one man: a guitar, a voice and a foot on the floor."""
    s = Session(26.0, 126.0, rng, loose=0.012, swing=0.15)
    guitar, foot, voice = s.part(), s.part(), s.part()
    thumb = partial(pluck, rng=rng, ring=1.5, bright=0.43, pick=0.1)
    nail = partial(pluck, rng=rng, ring=2.5, bright=0.7, pick=0.08)
    heel = partial(drums.kick, rng, low=75.0, long=0.05, click=0.3, sweep=1.0)
    for bar, start in s.bars():
        s.line(guitar, thumb, _SHUFFLE["EEEEAAEEBAEB"[bar % 12]], start, legato=0.8, strum=0.008)
        s.line(guitar, nail, _LICKS[(bar * 3 + bar // 4) % 4], start, level=1.15, legato=1.1)
        s.beat(foot, heel, "x.x.x.x.", start, steps=2, level=0.5)
    sing(s, voice, _HOLLER, 4.0, tilt=1.25, vibrato=44.0, fall=0.6)
    body = guitar.y
    # The air in the guitar and its top.
    for hertz, decibel in ((110, 4), (220, 3), (700, -2), (2500, 3)):
        body = peak(body, hertz, decibel, 1.8)
    y = room(0.24 * body + 0.58 * foot.y + 0.24 * voice.y, 0.125, 1.0, rng)
    y = equalise(drift(y, 5.0, rng), (4, 7, 8, 2, -4, -9, -3, 2))
    return finish(y, rng, hiss=0.002, push=1.6, top=8600.0)
