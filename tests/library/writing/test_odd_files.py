"""Files of other projects' test suites: written and undone to the byte, or refused untouched."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections import Counter
from pathlib import Path

from genrewise.errors import LibraryError
from genrewise.library.audio_hash import audio_hash
from genrewise.library.genre_field import read_tags
from genrewise.library.journal import write_genres, writing
from genrewise.library.undoing import undo


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def copies(folder: Path, to: Path) -> dict[Path, str]:
    """Files that may be written to, and their hashes."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name != "index.csv":
            found[Path(shutil.copyfile(path, to / path.name))] = sha256(path)
    return found


def test_every_one_is_written_and_undone_or_refused_in_a_line(
    shared_data: Path, tmp_path: Path, db: sqlite3.Connection
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    songs = copies(shared_data / "odd", music)
    sound = {path: audio_hash(path) for path in songs}
    written: set[Path] = set()
    refused: dict[str, str] = {}
    with writing(db, "test") as run:
        for path in songs:
            try:
                if write_genres(db, run, path, ("Jazz", "Ærkemusik")).state == "written":
                    written.add(path)
            except LibraryError as error:
                refused[path.name] = str(error)
    for path, old in songs.items():
        assert audio_hash(path) == sound[path]
        assert (sha256(path) != old) == (path in written)
    assert {read_tags(path).genres for path in written} == {("Jazz", "Ærkemusik")}
    for name, line in refused.items():
        assert line.startswith(f"{music / name}: "), line
        assert "\n" not in line
        assert "sidecar" in line, line
    # What cannot be written is no audio, damaged, or of a few rare kinds.
    kinds = Counter(Path(name).suffix for name in refused)
    assert len(written) >= 360
    assert kinds[".flac"] + kinds[".ogg"] + kinds[".m4a"] + kinds[".opus"] <= 21
    assert sorted(p.name for p in music.iterdir()) == sorted(p.name for p in songs)
    assert {u.state for u in undo(db)} == {"undone"}
    assert {path: sha256(path) for path in songs} == songs


def test_a_sidecar_does_for_all_of_them(
    shared_data: Path, tmp_path: Path, db: sqlite3.Connection
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    songs = copies(shared_data / "odd", music)
    some = [path for path in songs if path.suffix in (".webm", ".mka", ".ac3", ".mid", ".aac")]
    with writing(db, "test") as run:
        for path in some:
            assert write_genres(db, run, path, ("Jazz",), sidecar=True).state == "written"
    assert len(list(music.glob("*.genre.json"))) == len(some) > 10
    assert {path: sha256(path) for path in songs} == songs
    assert {u.state for u in undo(db)} == {"undone"}
    assert sorted(p.name for p in music.iterdir()) == sorted(p.name for p in songs)
