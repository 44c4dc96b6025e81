"""Synthetic music: twelve genres that differ in rhythm, timbre and harmony.

Seeded, and faster than reading real music, so every recipe and test runs with no data
set.  Each genre has several artists; an artist's instruments, kit and room stay the
same from track to track, so a split that is not by artist leaks here as it does in life.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError, RecipeError, UnknownName
from genrewise.training.datasets.settings import numbers
from genrewise.training.datasets.synthesis import (
    SR,
    Mixer,
    Voice,
    drum_kit,
    reverberate,
)

__all__ = ["STYLES", "Artist", "Style", "artist", "generate", "prepare", "render"]

F32 = NDArray[np.float32]

_MAJOR, _MINOR, _SEVENTH = (0, 4, 7), (0, 3, 7), (0, 4, 7, 10)
_MAJOR7, _MINOR7, _POWER = (0, 4, 7, 11), (0, 3, 7, 10), (0, 7, 12)

Chord = tuple[int, tuple[int, ...]]


@dataclass(frozen=True)
class Style:
    """What makes a genre here.

    Parameters
    ----------
    tempo : tuple of float
        Slowest and fastest, beats a minute.
    drums : mapping of str to str
        A pattern a drum, one character a step: ``x`` loud, ``o`` soft.
    bass, chord, lead : str
        Patterns of the parts; in the bass 5 is the fifth, 8 the octave, else the root.
    chords : tuple of (root, intervals)
        One a bar, semitones above the key.
    scale : tuple of int
        Semitones that the lead chooses from.
    voices : tuple of Voice
        Bass, chords, lead.
    levels : tuple of float
        Drums, bass, chords, lead.
    steps : int
        Steps a beat.
    swing : float
        Delay of every second step, as a share of the step.
    octave : int
        MIDI number around which the chords lie.
    drive, room : float
        Distortion (0 none) and level of the reverberation.
    weight : float
        Of the kick.
    """

    tempo: tuple[float, float]
    drums: dict[str, str]
    bass: str
    chord: str
    lead: str
    chords: tuple[Chord, ...]
    scale: tuple[int, ...]
    voices: tuple[Voice, Voice, Voice]
    levels: tuple[float, float, float, float]
    steps: int = 4
    swing: float = 0.0
    octave: int = 57
    drive: float = 0.0
    room: float = 0.15
    weight: float = 1.0

    def __hash__(self) -> int:
        return id(self)


_SUB = Voice(tilt=3.0, decay=0.7)
_SAW_BASS = Voice(tilt=1.1, decay=0.18)
_FINGER_BASS = Voice(tilt=1.9, decay=0.35, attack=0.008)
_PIANO = Voice(tilt=1.5, decay=0.5, attack=0.003)
_EPIANO = Voice(tilt=2.4, decay=0.7, even=0.5)
_NYLON = Voice(tilt=1.7, decay=0.3, attack=0.002)
_STEEL = Voice(tilt=1.25, decay=0.6, attack=0.003, vibrato=12)
_ORGAN = Voice(tilt=1.6, even=0.9, decay=6.0, attack=0.01)
_CHOIR = Voice(tilt=2.0, decay=9.0, attack=0.12, vibrato=14, detune=8, breath=0.01)
_STRINGS = Voice(tilt=1.2, decay=8.0, attack=0.09, vibrato=16, detune=9)
_BRASS = Voice(tilt=0.9, decay=3.0, attack=0.04, vibrato=6)
_REED = Voice(tilt=1.1, even=0.25, decay=4.0, attack=0.03, vibrato=18, breath=0.02)
_SQUARE = Voice(tilt=1.0, even=0.0, decay=0.12)
_PAD = Voice(tilt=1.8, decay=20.0, attack=0.9, detune=14, breath=0.03)
_FUZZ = Voice(tilt=0.7, decay=2.0, attack=0.002, detune=5)

#: The genres.
STYLES: dict[str, Style] = {
    "ambient": Style(
        (50, 64), {}, "x...............", "x...............", "......x.........",
        ((0, _MAJOR7), (9, _MINOR7), (5, _MAJOR7)), (0, 2, 4, 7, 9, 11),
        (_PAD, _PAD, Voice(tilt=2.6, decay=1.8, attack=0.02)), (0, 0.3, 0.4, 0.2), room=0.8,
    ),
    "blues": Style(
        (88, 116),
        {"kick": "x..x..x..x..", "snare": "...x.....x..", "hat": "x.ox.ox.ox.o"},
        "x..5..x..8..", "...x.....x..", "x.xx....x.xx",
        ((0, _SEVENTH), (0, _SEVENTH), (5, _SEVENTH), (0, _SEVENTH), (7, _SEVENTH), (5, _SEVENTH)),
        (0, 3, 5, 6, 7, 10), (_FINGER_BASS, _PIANO, _STEEL), (0.5, 0.5, 0.3, 0.45),
        steps=3, drive=0.6,
    ),
    "bossa": Style(
        (116, 136), {"rim": "x..x..x...x..x..", "hat": "o.o.o.o.o.o.o.o."},
        "x.....5.x.....5.", "x..x..x...x.x...", "x....x....x.....",
        ((0, _MAJOR7), (2, _MINOR7), (7, _SEVENTH), (0, _MAJOR7)), (0, 2, 4, 6, 9, 11),
        (_FINGER_BASS, _NYLON, Voice(tilt=2.1, decay=1.2, attack=0.03, vibrato=10)),
        (0.25, 0.4, 0.4, 0.35),
    ),
    "chorale": Style(
        (58, 74), {}, "x...x...x...x...", "x...x...x...x...", "",
        ((0, _MAJOR), (5, _MAJOR), (7, _MAJOR), (9, _MINOR), (2, _MINOR), (7, _MAJOR)),
        (0, 2, 4, 5, 7, 9, 11), (_CHOIR, _CHOIR, _CHOIR), (0, 0.35, 0.5, 0), room=0.6, octave=60,
    ),
    "disco": Style(
        (112, 124),
        {"kick": "x...x...x...x...", "snare": "....x.......x...", "hat": "o.x.o.x.o.x.o.x."},
        "x.8.x.8.x.8.x.8.", "x.......x..x....", "x.....x.x.......",
        ((0, _MINOR7), (5, _SEVENTH), (10, _MAJOR7), (3, _MAJOR7)), (0, 2, 3, 5, 7, 9, 10),
        (_FINGER_BASS, _STRINGS, _STRINGS), (0.6, 0.5, 0.3, 0.3),
    ),
    "hiphop": Style(
        (80, 96),
        {"kick": "x..x..x...x.....", "snare": "....x.......x...", "hat": "x.x.x.xox.x.x.xo"},
        "x..x......x.....", "x.......o.......", "....x......x....",
        ((0, _MINOR7), (8, _MAJOR7)), (0, 3, 5, 7, 10), (_SUB, _EPIANO, _EPIANO),
        (0.75, 0.7, 0.25, 0.2), swing=0.2, weight=1.7,
    ),
    "march": Style(
        (108, 122),
        {"kick": "x...x...x...x...", "snare": "x.xxx.xxx.xxxxxx"},
        "x...5...x...5...", "..x...x...x...x.", "x..xx.x.x..xx...",
        ((0, _MAJOR), (0, _MAJOR), (7, _MAJOR), (5, _MAJOR)), (0, 4, 7, 12),
        (Voice(tilt=1.3, decay=1.0, attack=0.03), _BRASS, _BRASS), (0.45, 0.5, 0.3, 0.4),
        room=0.3, octave=60,
    ),
    "metal": Style(
        (150, 186),
        {"kick": "xxxxx.xxxxxxx.xx", "snare": "....x.......x...", "ride": "x.x.x.x.x.x.x.x."},
        "xxx.xxx.xxx.xx..", "x.xx.xx.x.xx.xx.", "",
        ((0, _POWER), (0, _POWER), (1, _POWER), (6, _POWER)), (0, 1, 3, 5, 6, 8),
        (_SAW_BASS, _FUZZ, _FUZZ), (0.6, 0.4, 0.55, 0), drive=5.0, octave=45, room=0.05,
        weight=0.8,
    ),
    "reggae": Style(
        (68, 82),
        {"kick": "........x.......", "rim": "........x.......", "hat": "x.o.x.o.x.o.x.o."},
        "x.5...x...x.5.8.", "..x...x...x...x.", "......x...x.....",
        ((0, _MINOR), (5, _MINOR), (0, _MINOR), (7, _MINOR)), (0, 3, 5, 7, 10),
        (_SUB, Voice(tilt=1.4, decay=0.09), _ORGAN), (0.5, 0.75, 0.4, 0.15), room=0.3,
    ),
    "swing": Style(
        (132, 176),
        {"ride": "x..x.xx..x.x", "hat": "...x.....x..", "kick": "o..o..o..o.."},
        "x..5..x..8..", "..x.....x...", "x.xx.x..x..x",
        ((2, _MINOR7), (7, _SEVENTH), (0, _MAJOR7), (9, _SEVENTH)), (0, 2, 4, 5, 7, 9, 10, 11),
        (_FINGER_BASS, _PIANO, _REED), (0.4, 0.5, 0.25, 0.4), steps=3, room=0.25,
    ),
    "techno": Style(
        (126, 142),
        {"kick": "x...x...x...x...", "hat": "..x...x...x...x.", "rim": "....x......x...."},
        "..xx..xx..xx..xx", "......x.........", "",
        ((0, _MINOR),), (0, 3, 7), (_SAW_BASS, _SQUARE, _SQUARE), (0.95, 0.4, 0.25, 0),
        drive=1.5, weight=1.4, octave=52,
    ),
    "waltz": Style(
        (140, 178), {}, "x...........", "....x...x...", "x...x...x...",
        ((0, _MAJOR), (7, _SEVENTH), (7, _SEVENTH), (0, _MAJOR), (5, _MAJOR), (0, _MAJOR)),
        (0, 2, 4, 5, 7, 9, 11), (Voice(tilt=1.4, decay=0.6, attack=0.02), _STRINGS, _STRINGS),
        (0, 0.5, 0.3, 0.45), room=0.5, octave=62,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Artist:
    """What stays the same from track to track.

    Parameters
    ----------
    style : Style
        The genre's, with this artist's instruments.
    kit : dict of str to ndarray
        Drum one-shots.
    tempo : float
        Where in the genre's range this artist likes to be, 0 to 1.
    room : float
        Fall of the reverberation in seconds.
    tone : float
        Weight of a low-pass or, below 0, high-pass on the whole, -1 to 1.
    """

    style: Style
    kit: dict[str, F32]
    tempo: float
    room: float
    tone: float


def artist(style: Style, rng: np.random.Generator) -> Artist:
    """An artist of a style, drawn from `rng`."""

    def own(voice: Voice) -> Voice:
        return replace(
            voice,
            tilt=voice.tilt * rng.uniform(0.8, 1.25),
            even=float(np.clip(voice.even * rng.uniform(0.6, 1.2), 0, 1)),
            decay=voice.decay * rng.uniform(0.75, 1.35),
            vibrato=voice.vibrato * rng.uniform(0.5, 1.5),
        )

    bass, chord, lead = (own(v) for v in style.voices)
    levels = tuple(level * rng.uniform(0.75, 1.3) for level in style.levels)
    mine = replace(
        style,
        voices=(bass, chord, lead),
        levels=(levels[0], levels[1], levels[2], levels[3]),
        drive=style.drive * rng.uniform(0.7, 1.4),
        room=style.room * rng.uniform(0.6, 1.4),
    )
    kit = drum_kit(rng, style.weight)
    return Artist(mine, kit, rng.uniform(0, 1), rng.uniform(0.15, 0.6), rng.uniform(-0.45, 0.7))


def _harmony(
    mixer: Mixer, style: Style, bar: int, *, at: list[float], step: float, key: int
) -> None:
    """Bass and chords of one bar."""
    root, intervals = style.chords[bar % len(style.chords)]
    bass, chord, _ = style.voices
    _, bass_level, chord_level, _ = style.levels
    low = style.octave - 21 + (key + root) % 12
    for i, mark in enumerate(style.bass):
        if mark != ".":
            length = _length(style.bass, i) * step
            note = low + {"5": 7, "8": 12}.get(mark, 0)
            mixer.play(bass, note, at[i], min(length, 4.0), bass_level)
    middle = style.octave + (key + root) % 12 - 6
    for i, mark in enumerate(style.chord):
        if mark != ".":
            level = chord_level / len(intervals) ** 0.5 * (0.5 if mark == "o" else 1.0)
            length = min(_length(style.chord, i) * step, 6.0)
            for interval in intervals:
                mixer.play(chord, middle + interval, at[i], length, level)


def _length(pattern: str, i: int) -> int:
    """Steps until the next mark, or the end of the bar."""
    rest = pattern[i + 1 :]
    return 1 + len(rest) - len(rest.lstrip("."))


def _bar(mixer: Mixer, who: Artist, bar: int, *, start: float, step: float, key: int) -> None:
    """One bar: drums, bass, chords and lead."""
    style, rng = who.style, mixer.rng
    size = len(style.bass)
    late = style.swing * step
    at = [start + i * step + (late if i % 2 else 0.0) for i in range(size)]
    for drum, pattern in style.drums.items():
        for i, mark in enumerate(pattern):
            # Nobody plays the same bar for ever: a hit is left out now and then.
            if mark != "." and rng.random() > 0.04:
                level = style.levels[0] * (0.45 if mark == "o" else 1.0) * rng.uniform(0.85, 1.1)
                mixer.hit(who.kit, drum, at[i], level)
    _harmony(mixer, style, bar, at=at, step=step, key=key)
    degree = int(rng.integers(len(style.scale)))
    for i, mark in enumerate(style.lead):
        if mark != "." and rng.random() > 0.25:
            degree = int(np.clip(degree + rng.integers(-2, 3), 0, len(style.scale) - 1))
            note = style.octave + 12 + (key - 6) + style.scale[degree]
            length = min(_length(style.lead, i) * step, 3.0)
            mixer.play(style.voices[2], note, at[i], length, style.levels[3])


def render(who: Artist, seconds: float, rng: np.random.Generator) -> F32:
    """One track.

    Parameters
    ----------
    who : Artist
    seconds : float
    rng : Generator
        Key, tempo, melody and mistakes.

    Returns
    -------
    ndarray, shape (int(seconds * 22050),), float32
        Peak 0.5 to 0.9.
    """
    style = who.style
    slow, fast = style.tempo
    liked = float(np.clip(who.tempo + rng.normal(0, 0.2), 0, 1))
    step = 60.0 / (slow + (fast - slow) * liked) / style.steps
    length = step * len(style.bass)
    key = int(rng.integers(12))
    mixer = Mixer(seconds, rng)
    first = int(rng.integers(len(style.chords)))
    for bar in range(int(np.ceil(seconds / length))):
        _bar(mixer, who, first + bar, start=bar * length, step=step, key=key)
    y: F32 = mixer.y
    if style.drive > 0:
        np.tanh(y * np.float32(1 + style.drive), out=y)
    y = reverberate(y, who.room, style.room, rng)
    # First-order filter: duller above 0, sharper below.
    y[1:] += np.float32(who.tone) * y[:-1]
    # Drive bends low notes to one side.
    y -= y.mean()
    peak = float(np.abs(y).max(initial=0.0))
    return np.asarray(y * np.float32(rng.uniform(0.5, 0.9) / (peak or 1.0)), dtype=np.float32)


def generate(
    folder: str | os.PathLike[str],
    tracks_per_genre: int = 12,
    seconds: float = 10.0,
    seed: int = 0,
    *,
    genres: Sequence[str] = (),
    tracks_per_artist: int = 3,
) -> Path:
    """Write synthetic music as WAV, a folder a genre, with its manifest.

    Parameters
    ----------
    folder : path
        Made where it is not there.
    tracks_per_genre : int
        At least 1.
    seconds : float
        Length of a track, at least 0.1.
    seed : int
        The same arguments write the same bytes; more tracks leave the first as they are.
    genres : sequence of str
        Of :data:`STYLES`; all twelve where empty.
    tracks_per_artist : int
        Each artist is one group.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UnknownName
        A genre that is not here.
    DatasetError
        Counts or lengths that give no music.
    """
    import soundfile

    if tracks_per_genre < 1 or tracks_per_artist < 1 or seconds < 0.1 or seed < 0:
        raise DatasetError(
            f"synthetic music with {tracks_per_genre} tracks of {seconds:g} s, seed {seed}",
            "at least 1 track a genre and an artist, 0.1 s and a seed from 0",
        )
    for name in genres:
        if name not in STYLES:
            raise UnknownName("synthetic genre", name, STYLES)
    root = Path(folder)
    rows = []
    for name in genres or STYLES:
        (root / name).mkdir(parents=True, exist_ok=True)
        for track in range(tracks_per_genre):
            which = track // tracks_per_artist
            y, who = _track(name, track, which=which, seconds=seconds, seed=seed)
            path = f"{name}/{name}.{track:05d}.wav"
            soundfile.write(root / path, y, SR, subtype="PCM_16")
            rows.append((path, name, who, path.removesuffix(".wav")))
    # Written last: a folder with a manifest is complete.
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(
            [("path", "label", "group", "track"), *rows]
        )
    return root


def _track(name: str, track: int, *, which: int, seconds: float, seed: int) -> tuple[F32, str]:
    """Samples of a track and its artist's name; every track has a generator of its own."""
    number = list(STYLES).index(name)
    who = artist(STYLES[name], np.random.default_rng([seed, number, which]))
    y = render(who, seconds, np.random.default_rng([seed, number, which, track]))
    return y, f"{name} artist {which + 1}"


#: Settings of the data set named ``synthetic`` and their defaults.
SETTINGS: dict[str, float] = {
    "tracks_per_genre": 12,
    "seconds": 10.0,
    "seed": 0,
    "genres": len(STYLES),
    "tracks_per_artist": 3,
}


def prepare(settings: str, cache: Path) -> Path:
    """The folder of ``synthetic:KEY=VALUE,…``, made in the cache where it is not there.

    Parameters
    ----------
    settings : str
        ``"tracks_per_genre=6,seconds=5"``; keys of :data:`SETTINGS`; `genres` is a number.
    cache : Path

    Raises
    ------
    RecipeError
        An unknown key, with the nearest; a value that is no number.
    """
    chosen = numbers("synthetic", settings, SETTINGS)
    if not 1 <= chosen["genres"] <= len(STYLES):
        raise RecipeError(f"synthetic: genres={chosen['genres']:g}", f"1 to {len(STYLES)}")
    name = "-".join(f"{chosen[key]:g}" for key in SETTINGS)
    folder = cache / "synthetic" / f"v1-{name}"
    if not (folder / "manifest.csv").is_file():
        generate(
            folder,
            int(chosen["tracks_per_genre"]),
            chosen["seconds"],
            int(chosen["seed"]),
            genres=list(STYLES)[: int(chosen["genres"])],
            tracks_per_artist=int(chosen["tracks_per_artist"]),
        )
    return folder
