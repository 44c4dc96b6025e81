"""A folder of songs cut into clips, for somebody to listen to."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from genrewise import engine
from genrewise.cut import CutRule, Cutter, Manifest, Namer, Track
from genrewise.errors import DatasetError
from genrewise.filetypes import AUDIO_SUFFIXES

__all__ = ["Clip", "cut_folder", "export", "read_clips", "songs"]

#: Signs that some system does not want in the name of a folder.
_NOT_IN_NAMES = set('<>:"/\\|?*')


@dataclass(frozen=True)
class Clip:
    """A clip that can be listened to.

    Parameters
    ----------
    path : str
        Below the folder of the clips.
    track : str
        The song, and what must not be split.
    start, stop : float
        Seconds of the song.
    """

    path: str
    track: str
    start: float
    stop: float


def songs(folder: Path) -> list[str]:
    """Files of music below a folder, sorted; what begins with a dot is passed over."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            os.path.join(parent, name)  # noqa: PTH118
            for name in sorted(names)
            if name.lower().endswith(AUDIO_SUFFIXES) and not name.startswith(".")
        ]
    return found


def cut_folder(
    folder: Path,
    out: Path,
    seconds: float,
    step: Callable[[int, int], None],
    wanted: Callable[[], bool],
) -> int:
    """Cut all songs of a folder; the clips are there whole, or not at all.

    Parameters
    ----------
    folder, out : Path
        `out` is made.
    seconds : float
        Of a clip.
    step : callable
        Gets how many songs are done, and of how many.
    wanted : callable
        Asked between songs whether to go on.

    Returns
    -------
    int
        How many songs could not be read.

    Raises
    ------
    DatasetError
        There is no song, or no clip could be cut, or `out` cannot be written.
    """
    found = songs(folder)
    if not found:
        raise DatasetError("a folder without music", "one with songs in it")
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    step(0, len(found))
    failed = _cut(folder, found, part, seconds, step, wanted)
    if not wanted():
        shutil.rmtree(part, ignore_errors=True)
        return failed
    if not (part / "manifest.csv").is_file():
        shutil.rmtree(part, ignore_errors=True)
        given = f"no clip of {len(found)} songs"
        raise DatasetError(given, f"songs of at least {seconds:g} s that can be read")
    part.rename(out)
    return failed


def _cut(
    folder: Path,
    found: list[str],
    part: Path,
    seconds: float,
    step: Callable[[int, int], None],
    wanted: Callable[[], bool],
) -> int:
    namer = Namer(os.fspath(folder), set())
    failed = 0

    def tracks() -> Iterator[Track]:
        for path in found:
            if not wanted():
                return
            yield namer.track(path)

    cutter = Cutter(os.fspath(part), CutRule(length=seconds, form="flac"))
    outcomes = engine.run(cutter, tracks(), workers=1, method="spawn")
    with closing(outcomes), Manifest(part, namer.columns()) as manifest:
        for done, outcome in enumerate(outcomes, 1):
            if outcome.kind == "ok":
                manifest.add(outcome.item, outcome.value)
            else:
                failed += 1
            step(done, len(found))
            if not wanted():
                break
    return failed


def read_clips(folder: Path) -> list[Clip]:
    """The clips of a folder, in the order of its manifest; none where it was not cut.

    Raises
    ------
    DatasetError
        The manifest cannot be read.
    """
    path = folder / "manifest.csv"
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return [_clip(row) for row in csv.DictReader(file)]
    except (OSError, csv.Error, KeyError, TypeError, ValueError):
        given = f"{path}: cannot be read"
        raise DatasetError(given, "the clips of genrewise serve --label", "remove them") from None


def _clip(row: dict[str, str]) -> Clip:
    start = float(row["start"])
    return Clip(row["path"], row["track"], start, start + float(row["seconds"]))


def folder_name(label: str) -> str:
    """A label as the name of a folder, on any system: ``"Drum/Bass"`` → ``"Drum_Bass"``."""
    plain = "".join("_" if c in _NOT_IN_NAMES else c for c in label).strip(" .")
    return plain or "_"


def export(clips: Path, labelled: list[tuple[Clip, str]], out: Path) -> None:
    """Write a folder to learn from: a folder a label, and a manifest; all of it or nothing.

    Clips of one song bear its name in the column ``group``, so none is split by chance.
    What is exported once more takes the place of what was there.

    Parameters
    ----------
    clips : Path
        Where the clips lie; they are linked where the system can.
    labelled : list of (Clip, str)
    out : Path

    Raises
    ------
    OSError
        It cannot be written; what was there is still there.
    """
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    rows = []
    for clip, label in labelled:
        # A song's own folders become part of the name: two may hold a song of one name.
        flat = clip.path.replace("/", " - ")[-200:]
        path = f"{folder_name(label)}/{flat}"
        (part / path).parent.mkdir(exist_ok=True)
        _link(clips / clip.path, part / path)
        seconds = f"{clip.stop - clip.start:.3f}"
        rows.append((path, label, clip.track, clip.track, f"{clip.start:.3f}", seconds))
    with (part / "manifest.csv").open(
        "w", encoding="utf-8", errors="surrogateescape", newline=""
    ) as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "group", "track", "start", "seconds"))
        writer.writerows(rows)
    old = out.with_name(out.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where there are no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
