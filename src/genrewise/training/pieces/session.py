"""Musicians in time: beats to seconds, notes by name, patterns of hits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrewise.training.datasets.synthesis import Mixer
from genrewise.training.pieces.instruments import sung

__all__ = ["Session", "melody", "midi", "sing"]

F32 = NDArray[np.float32]

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def midi(name: str) -> int:
    """MIDI number of a note: ``"A4"`` is 69, ``"Bb2"``, ``"F#3"``."""
    found = re.fullmatch(r"([A-G])([#b]?)(\d)", name)
    assert found, name
    sign = {"#": 1, "b": -1, "": 0}[found[2]]
    return 12 * (int(found[3]) + 1) + _STEPS[found[1]] + sign


def melody(text: str, start: float = 0.0) -> Iterator[tuple[float, float, tuple[int, ...]]]:
    """Notes of a line of music.

    Parameters
    ----------
    text : str
        ``"G4:2 Bb4,D5:1 -:1"``: names, chords with commas, rests, each with its beats;
        bars are words that do nothing: ``|``.
    start : float
        Beat of the first.

    Yields
    ------
    (beat, beats, MIDI numbers)
    """
    for word in text.replace("|", " ").split():
        names, _, beats = word.partition(":")
        if names != "-":
            yield start, float(beats), tuple(midi(name) for name in names.split(","))
        start += float(beats)


@dataclass
class Session:
    """People who play together.

    Parameters
    ----------
    seconds : float
        Length of the piece.
    tempo : float
        Beats a minute.
    rng : Generator
    loose : float
        Seconds by which they miss the beat, one standard deviation.
    swing : float
        Share of a beat by which the second eighth is late; 1/6 is a triplet's.
    """

    seconds: float
    tempo: float
    rng: np.random.Generator
    loose: float = 0.005
    swing: float = 0.0

    def part(self) -> Mixer:
        """An empty track of the tape."""
        return Mixer(self.seconds, self.rng)

    def at(self, beat: float) -> float:
        """Seconds at which somebody plays what is written on `beat`."""
        within = beat % 1.0
        late = self.swing * (2 * within if within <= 0.5 else 2 - 2 * within)
        return max(0.0, (beat + late) * 60.0 / self.tempo + float(self.rng.normal(0, self.loose)))

    def span(self, beats: float) -> float:
        """Seconds of so many beats."""
        return beats * 60.0 / self.tempo

    def force(self, level: float = 1.0) -> float:
        """A level as people give it: never twice the same."""
        return level * float(self.rng.uniform(0.82, 1.12))

    def bars(self, beats: float = 4.0) -> Iterator[tuple[int, float]]:
        """Number and first beat of every bar that begins before the end."""
        count = int(np.ceil(self.seconds * self.tempo / 60.0 / beats))
        return ((bar, bar * beats) for bar in range(count))

    def beat(
        self,
        part: Mixer,
        sound: Callable[[], F32],
        pattern: str,
        start: float,
        *,
        steps: int = 4,
        level: float = 1.0,
    ) -> None:
        """Hits of one bar.

        Parameters
        ----------
        part : Mixer
        sound : callable
            Makes one hit.
        pattern : str
            A character a step: ``x`` loud, ``o`` soft, ``.`` none; other characters are
            passed over.
        start : float
            Beat of the first step.
        steps : int
            Steps a beat.
        level : float
        """
        for i, mark in enumerate(c for c in pattern if c in "xo."):
            if mark != ".":
                loud = self.force(level * (0.4 if mark == "o" else 1.0))
                part.add(sound(), self.at(start + i / steps), loud)

    def line(
        self,
        part: Mixer,
        note: Callable[[float, float], F32],
        text: str,
        start: float = 0.0,
        *,
        level: float = 1.0,
        legato: float = 0.95,
        strum: float = 0.0,
    ) -> None:
        """A line of music; see :func:`melody`.

        Parameters
        ----------
        part : Mixer
        note : callable
            MIDI number and seconds to samples.
        text : str
        start : float
            Beat of the first note.
        level : float
        legato : float
            How much of its length a note sounds.
        strum : float
            Seconds between the notes of a chord.
        """
        for beat, beats, notes in melody(text, start):
            when = self.at(beat)
            loud = self.force(level) / len(notes) ** 0.5
            for i, number in enumerate(notes):
                part.add(note(number, self.span(beats) * legato), when + i * strum, loud)


def sing(
    session: Session,
    part: Mixer,
    text: str,
    start: float = 0.0,
    *,
    tilt: float = 1.1,
    vibrato: float = 40.0,
    fall: float = 0.0,
) -> None:
    """A line of song: each note slides in from the one before, on a vowel drawn for it.

    Parameters
    ----------
    session : Session
    part : Mixer
    text : str
        See :func:`melody`.
    start : float
        Beat of the first note.
    tilt, vibrato, fall : float
        As of :func:`~genrewise.training.pieces.instruments.sung`.
    """
    rng, before = session.rng, 0
    for beat, beats, (number, *_) in melody(text, start):
        slide = float(np.clip(number - before, -5, 5)) if before else 2.0
        voice = sung(
            number,
            session.span(beats),
            rng,
            vowel="aoeaiu"[rng.integers(6)],
            tilt=tilt,
            scoop=slide or 0.5,
            vibrato=vibrato,
            fall=fall,
            hiss=float(rng.uniform(0, 0.4)),
        )
        part.add(voice, session.at(beat), session.force())
        before = number
