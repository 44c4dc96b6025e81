"""What the commands share that make something of every track: clips, rows, pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrewise.cli.output import say
from genrewise.cli.paths import Tally, expand
from genrewise.cut import CutRule, Namer, Track, at_rate, cut_blocks
from genrewise.engine import Refused, Waiting
from genrewise.errors import DatasetError

if TYPE_CHECKING:
    from genrewise.audio import Audio, Stream
    from genrewise.engine import Outcome

__all__ = ["Counts", "Pieces", "namers", "tracks"]

#: Seconds of a track that are taken as one piece at the most: a gigabyte of spectra.
LONGEST = 600.0


def tracks(namers: Iterable[tuple[str, Namer]], tally: Tally) -> Iterator[Track | Refused]:
    """Every track below the paths, in order."""
    for path, namer in namers:
        for found in expand([path], tally):
            if isinstance(found, Refused):
                yield found
            elif not isinstance(found, Waiting):
                yield namer.track(found)


def namers(paths: tuple[str, ...], output: Path) -> list[tuple[str, Namer]]:
    """A namer for each path; refuses to write into a folder that is read."""
    used: set[str] = set()
    for path in paths:
        if output.resolve().is_relative_to(Path(path).resolve()):
            raise DatasetError(
                f"{output}: lies in {path}, which is read", "an output folder elsewhere"
            )
    return [(p, Namer(p if Path(p).is_dir() else "", used)) for p in paths]


class Counts:
    """What became of the tracks.

    Parameters
    ----------
    what : str
        What is made, in the plural: ``"clips"``.
    too_short : str
        What is said of tracks that gave none.
    """

    def __init__(self, what: str, too_short: str = "shorter than a clip") -> None:
        self.what, self.too_short = what, too_short
        self.tracks = self.made = self.short = self.partial = self.failed = 0

    def add(self, outcome: Outcome, keep: Callable[[Track, Any], int]) -> None:
        """Count an outcome, keep what it gave, say what is to be said.

        Parameters
        ----------
        outcome : Outcome
            Of a :class:`Track`; its value has ``lost`` and ``partial``.
        keep : callable
            Keeps the value of a track and returns how many things it was.
        """
        self.tracks += 1
        name = outcome.item.source if isinstance(outcome.item, Track) else outcome.item
        if outcome.kind != "ok":
            self.failed += 1
            lead = "" if outcome.error.startswith(f"{name}: ") else f"{name}: "
            say(f"{lead}{outcome.error}", fg="red")
            return
        made = keep(outcome.item, outcome.value)
        self.made += made
        self.short += not made
        self.partial += outcome.value.partial
        if outcome.value.partial:
            say(f"{name}: partial, {outcome.value.lost:.1f} s could not be decoded", fg="yellow")

    def summary(self, output: str) -> str:
        """One line: how many were made, and what was left out."""
        rest = (
            (self.short, self.too_short),
            (self.partial, "partial"),
            (self.failed, "failed"),
        )
        left = "".join(f", {n} {what}" for n, what in rest if n)
        return f"{self.made} {self.what} of {self.tracks} tracks in {output}{left}"


class Pieces:
    """A track in pieces of one length, or as one; for use in a worker.

    Parameters
    ----------
    source : str
        File or address.
    sr : int
        Hz; 0 keeps those of the track.
    length : float
        Seconds; a shorter rest is left out.  0 takes the whole track.

    Attributes
    ----------
    sr : int
        Hz, once the first piece is there.
    lost, partial : float, bool
        As in :class:`genrewise.audio.Audio`, after the last piece.
    """

    def __init__(self, source: str, sr: int, length: float) -> None:
        self.source, self.sr, self.length = source, sr, length
        self.lost, self.partial = 0.0, False

    def __iter__(self) -> Iterator[tuple[float, Any]]:
        """Give the second at which a piece begins, and its samples.

        Raises
        ------
        AudioError
            The track cannot be decoded, or is too long to be taken as one.
        """
        from genrewise.audio import Stream, load

        if not self.length:
            whole = load(self.source, self.sr or None, max_seconds=LONGEST)
            self.sr = whole.sr
            yield 0.0, whole.y
            self._conclude(whole)
            return
        with Stream(self.source) as stream:
            self.sr = self.sr or stream.sr
            blocks = at_rate(stream, stream.sr, self.sr)
            for start, y in cut_blocks(blocks, self.sr, CutRule(length=self.length)):
                yield start / self.sr, y
            self._conclude(stream)

    def _conclude(self, source: Audio | Stream) -> None:
        self.lost, self.partial = source.lost, source.partial
