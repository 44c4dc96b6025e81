"""Damaged files: written as any other and undone to the byte, or refused in one line."""

from __future__ import annotations

import io
import random
from pathlib import Path

from genrewise.errors import LibraryError
from genrewise.library.audio_hash import audio_hash, stream_hash
from genrewise.library.containers.kinds import kind_of
from genrewise.library.genre_field import check, held, plan, read_tags, wish
from genrewise.library.patch import apply_patch, make_patch, spliced

#: Damages of one kind of file.
TRIES = 40


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A file that was cut, overwritten, or lost or got a few bytes, mostly among its tags."""
    new, at = bytearray(data), min(int(rng.expovariate(1 / 400)), len(data) - 1)
    if rng.random() < 0.25:
        at = len(data) - 1 - at
    how, n = rng.randrange(5), rng.choice((1, 2, 4, 16))
    if how == 0:
        del new[at:]
    elif how == 1:
        new[at : at + n] = rng.randbytes(n)
    elif how == 2:
        new[at : at + n] = rng.choice((b"\0", b"\xff", b"\x7f")) * n
    elif how == 3:
        del new[at : at + n]
    else:
        new[at:at] = rng.randbytes(n)
    return bytes(new)


def try_to_write(path: Path, genre: str, folder: Path) -> bool:
    """Whether a file can be written; where it can, the way back must lead to its old bytes."""
    old, wished = path.read_bytes(), wish([genre])
    try:
        with path.open("rb") as file:
            edit = plan(path, file, wished)
            kind, sound = kind_of(file), stream_hash(file)
            assert kind is not None
            before = held(path, file, kind)
            new = b"".join(spliced(file, edit.splices))
            patch = make_patch(file, edit.splices)
        assert b"".join(apply_patch(io.BytesIO(new), patch)) == old
        copy = folder / ("new" + path.suffix)
        copy.write_bytes(new)
        with copy.open("rb") as file:
            if kind_of(file) is not kind or stream_hash(file) != sound or not sound:
                return False
            if edit.splices:
                check(path, before, held(copy, file, kind), wished)
    except LibraryError as error:
        return not is_line(path, error)
    return True


def is_line(path: Path, error: LibraryError) -> bool:
    """Whether a refusal is one line about a file."""
    assert str(error).startswith(f"{path}: ")
    assert "\n" not in str(error)
    return True


def test_damage_never_comes_out_as_anything_but_a_line(original: Path, tmp_path: Path) -> None:
    rng = random.Random(original.name)
    path, good = tmp_path / original.name, 0
    for _ in range(TRIES):
        path.write_bytes(damaged(original.read_bytes(), rng))
        assert len(audio_hash(path)) == 64
        try:
            read_tags(path)
        except LibraryError as error:
            is_line(path, error)
        good += try_to_write(
            path, rng.choice(("Jazz", "Ærkemusik", "long, " * 90 + "long")), tmp_path
        )
    assert good > 0  # so that not all of them were refused


def test_a_file_that_is_whole_is_written(original: Path, tmp_path: Path) -> None:
    assert try_to_write(original, "Jazz", tmp_path)
