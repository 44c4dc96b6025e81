"""Tracks → clips of one length, in the folders that the tracks stood in.

The clips come with a ``manifest.csv`` that says which recording each was cut from, so
that no recording is split later on.  Nothing but the standard library is imported here
until a track is cut: the parent of the workers stays light.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, TextIO

from genrewise.errors import AudioError, DatasetError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

__all__ = [
    "Clip",
    "CutRule",
    "Cutter",
    "Manifest",
    "Namer",
    "Piece",
    "Track",
    "at_rate",
    "cut_blocks",
    "cut_track",
]

#: A rest shorter than this many seconds is not kept: no model answers for it.
SHORTEST = 0.1
#: Bytes of a track's name that its clips take over; file systems allow 255 in all.
LONGEST_NAME = 220
#: Columns of every manifest; what a source's own manifest says beyond them follows.
COLUMNS = ("path", "label", "group", "track", "start", "seconds")
#: Columns that say of a whole track what no longer holds for a clip of it.
_STALE = {"path", "start", "duration", "seconds"}


@dataclass(frozen=True)
class CutRule:
    """How tracks are cut.

    Parameters
    ----------
    length : float
        Seconds of a clip.
    hop : float
        Seconds from the beginning of a clip to that of the next; 0 means `length`.
    tail : {"drop", "keep"}
        What becomes of a rest shorter than `length`.
    form : {"wav", "flac"}
        16 bits a sample.
    sr : int
        Sample rate of the clips in Hz; 0 keeps that of the track.

    Raises
    ------
    DatasetError
        A length or hop that is not above 0.
    """

    length: float = 8.0
    hop: float = 0.0
    tail: Literal["drop", "keep"] = "drop"
    form: Literal["wav", "flac"] = "wav"
    sr: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.length < math.inf and 0 <= self.hop < math.inf):
            raise DatasetError(f"clips of {self.length:g} s, hop {self.hop:g} s", "both above 0")
        if self.tail not in ("drop", "keep") or self.form not in ("wav", "flac"):
            raise DatasetError(f"tail {self.tail}, form {self.form}", "drop or keep, wav or flac")


@dataclass(frozen=True)
class Track:
    """A recording to cut.

    Parameters
    ----------
    source : str
        File or address.
    stem : str
        Path of its clips below the output folder, ``/`` between parts, without number
        and suffix: ``"blues/song"``.
    about : mapping of str to str
        What the source's manifest says of it: columns and values.
    """

    source: str
    stem: str
    about: Mapping[str, str]


@dataclass(frozen=True)
class Clip:
    """A clip that was written.

    Parameters
    ----------
    path : str
        Below the output folder, ``/`` between parts.
    start, seconds : float
        Where in the track it began, and its length.
    """

    path: str
    start: float
    seconds: float


@dataclass(frozen=True)
class Piece:
    """What a track gave.

    Parameters
    ----------
    clips : tuple of Clip
    seconds, lost, partial : float, float, bool
        Of the track, as in :class:`genrewise.audio.Audio`.
    """

    clips: tuple[Clip, ...]
    seconds: float
    lost: float
    partial: bool


def cut_blocks(blocks: Iterable[F32], sr: int, rule: CutRule) -> Iterator[tuple[int, F32]]:
    """Cut a stream of samples.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (n,), float32
    sr : int
        Hz.
    rule : CutRule

    Yields
    ------
    start : int
        Sample at which the clip begins.
    y : ndarray, shape (m,), float32
        m is ``round(rule.length * sr)``; less in a rest that is kept.
    """
    import numpy as np

    # A hop below a sample would give the same clip again and again, without end.
    length, hop = max(1, round(rule.length * sr)), max(1.0, (rule.hop or rule.length) * sr)
    held, at, k = np.zeros(0, dtype=np.float32), 0, 0
    for block in blocks:
        held = np.concatenate((held, block)) if len(held) else block
        while (start := round(k * hop)) + length <= at + len(held):
            yield start, held[start - at : start - at + length]
            k += 1
        gone = min(start - at, len(held))
        held, at = held[gone:], at + gone
    # The rest counts from where the last clip ended: what was written is no rest.
    end, covered = at + len(held), round((k - 1) * hop) + length if k else 0
    if rule.tail == "keep" and end - max(start := round(k * hop), covered) >= SHORTEST * sr:
        yield start, held[start - at :]


def cut_track(track: Track, folder: Path, rule: CutRule) -> Piece:
    """Write the clips of one track, each whole or not at all.

    Parameters
    ----------
    track : Track
    folder : Path
        Output folder; folders below it are made.
    rule : CutRule

    Raises
    ------
    AudioError
        The track cannot be decoded, or a clip cannot be written.
    """
    from genrewise.audio import Stream

    clips = []
    with Stream(track.source) as stream:
        sr = rule.sr or stream.sr
        for n, (start, y) in enumerate(cut_blocks(at_rate(stream, stream.sr, sr), sr, rule)):
            path = f"{track.stem}_{n:04d}.{rule.form}"
            _write(folder / path, y, sr, rule.form)
            clips.append(Clip(path, start / sr, len(y) / sr))
        return Piece(tuple(clips), stream.seconds, stream.lost, stream.partial)


def at_rate(blocks: Iterable[F32], sr_in: int, sr_out: int) -> Iterator[F32]:
    """Blocks of samples at another rate; the last one may be a rest of a few samples."""
    import numpy as np

    from genrewise.audio import Resampler

    resampler = Resampler(sr_in, sr_out)
    for y in blocks:
        yield resampler.push(y)
    yield resampler.push(np.zeros(0, dtype=np.float32), last=True)


def _write(path: Path, y: F32, sr: int, form: str) -> None:
    """Write a clip under another name first: what has the name is whole."""
    import soundfile

    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(os.fsencode(part), y, sr, format=form.upper(), subtype="PCM_16")
        part.replace(path)
    except (OSError, soundfile.SoundFileError) as error:
        with suppress(OSError):
            part.unlink()
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"{path}: cannot be written ({reason})", "a writable folder") from None


@dataclass(frozen=True)
class Cutter:
    """The work of one process: calling it gives the function that cuts a track.

    Parameters
    ----------
    folder : str
    rule : CutRule
    """

    folder: str
    rule: CutRule

    def __call__(self) -> Any:
        """The function from a :class:`Track` to its :class:`Piece`."""
        return lambda track: cut_track(track, Path(self.folder), self.rule)


class Namer:
    """Tracks from paths: each gets a stem of its own, the folders kept.

    Parameters
    ----------
    root : str
        The folder as the user gave it; empty for a file given by itself.
    used : set of str
        Stems given away, which this adds to.
    """

    def __init__(self, root: str, used: set[str]) -> None:
        self.root, self.used = root, used
        self._known = read_known(Path(root)) if root else {}

    def columns(self) -> list[str]:
        """Columns that the folder's manifest has."""
        return list(dict.fromkeys(c for row in self._known.values() for c in row))

    def track(self, source: str) -> Track:
        """The track of a file below the root, or of the file by itself."""
        relative = Path(os.path.relpath(source, self.root) if self.root else source)
        parts = relative.parts if self.root else relative.parts[-1:]
        whole = PurePosixPath(*parts)
        about = dict(self._known.get(str(whole), {}))
        if len(parts) > 1:
            about.setdefault("label", parts[0])
        stem, full = _short(whole.with_suffix("")), _short(whole)
        # song.mp3 beside song.flac, or a second folder with the same song.
        numbered = (f"{full}-{n}" for n in itertools.count(2))
        candidates = itertools.chain((stem, full), numbered)
        stem = next(c for c in candidates if c.casefold() not in self.used)
        self.used.add(stem.casefold())
        return Track(source, stem, about)


def _short(path: PurePosixPath) -> str:
    """A path whose last part leaves room for a number and a suffix in a file's name."""
    name = os.fsencode(path.name)[:LONGEST_NAME].decode("utf-8", "ignore")
    fits = len(os.fsencode(path.name)) <= LONGEST_NAME
    return str(path if fits else path.with_name(name))


def read_known(folder: Path) -> dict[str, dict[str, str]]:
    """What ``manifest.csv`` in a folder says of its tracks, by path.

    Raises
    ------
    DatasetError
        Where it cannot be read.
    """
    path = folder / "manifest.csv"
    if not path.is_file():
        return {}
    try:
        # Our own manifests hold names that are no UTF-8 as the bytes that they are.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = [{k: v for k, v in row.items() if k and v} for row in _without_nul(file, path)]
    except (OSError, csv.Error) as error:
        raise DatasetError(f"{path}: {error}", "a CSV file in UTF-8") from None
    rest = ((row.get("path", ""), row) for row in rows)
    return {
        str(PurePosixPath(path.replace("\\", "/"))): {
            k: v for k, v in row.items() if k not in _STALE
        }
        for path, row in rest
    }


def _without_nul(file: TextIO, path: Path) -> csv.DictReader[str]:
    """The rows of a table; refuses UTF-16 and what is no text at all."""
    text = file.read()
    if "\0" in text:
        raise DatasetError(f"{path}: binary data or UTF-16", "a CSV file in UTF-8")
    return csv.DictReader(io.StringIO(text, newline=""))


class Manifest:
    """``manifest.csv`` of the clips, a track at a time; takes its name when it is whole.

    Parameters
    ----------
    folder : Path
        Made where there is none.
    columns : iterable of str
        Columns beyond :data:`COLUMNS`.

    Raises
    ------
    DatasetError
        The folder holds a manifest already, or cannot be written.
    """

    def __init__(self, folder: Path, columns: Iterable[str] = ()) -> None:
        self._path = folder / "manifest.csv"
        if self._path.exists():
            raise DatasetError(
                f"{self._path}: there already", "a new folder", "name another one or remove it"
            )
        self._part = folder / "manifest.csv.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # A name that is no UTF-8 is written as the bytes that it is.
            self._file: TextIO = self._part.open(
                "w", encoding="utf-8", errors="surrogateescape", newline=""
            )
        except OSError as error:
            raise DatasetError(f"{folder}: {error.strerror}", "a writable folder") from None
        extra = [c for c in columns if c not in COLUMNS]
        self._rows = csv.DictWriter(self._file, [*COLUMNS, *extra], restval="")
        self._rows.writeheader()
        self._listed = 0

    def add(self, track: Track, piece: Piece) -> int:
        """Write a row for each clip of a track; the track is its group where none is known.

        Returns
        -------
        int
            How many.
        """
        for clip in piece.clips:
            row = {
                "label": "",
                **track.about,
                "path": clip.path,
                "start": f"{clip.start:.3f}",
                "seconds": f"{clip.seconds:.3f}",
            }
            row.setdefault("track", track.stem)
            row.setdefault("group", row["track"])
            self._rows.writerow(row)
        self._listed += len(piece.clips)
        self._file.flush()
        return len(piece.clips)

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *exception: object) -> None:
        """Close; the clips that there are stay listed, also after Ctrl-C."""
        self._file.close()
        if self._listed:
            self._part.replace(self._path)
        else:
            self._part.unlink()
