"""Keys of a terminal as the program reads them, byte by byte, and lines of a pipe."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator

import pytest

from genrewise.cli.keys import Keys, Lines, _UnixKeys, answers

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")

NAMES = ["Jazz", "Drum & Bass", "Drone", "jungle"]


@pytest.fixture
def typed() -> Iterator[tuple[_UnixKeys, Callable[[bytes], None]]]:
    """Keys of a pseudo terminal, and a function that types."""
    import pty

    ours, theirs = pty.openpty()
    yield _UnixKeys(NAMES, theirs), lambda data: os.write(ours, data) and None
    os.close(ours)
    os.close(theirs)


# ------------------------------------------------------------------ lines


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a\n", ("a", "")),
        ("\n", ("a", "")),
        ("  s  \n", ("s", "")),
        ("c Dub; Ska\n", ("c", "Dub; Ska")),
        ("c   Drum & Bass", ("c", "Drum & Bass")),
        ("nonsense\n", ("nonsense", "")),
        ("", ("q", "")),
    ],
)
def test_a_line_is_a_key_and_what_belongs_to_it(
    monkeypatch: pytest.MonkeyPatch, text: str, found: tuple[str, str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    with answers(NAMES) as said:
        assert isinstance(said, Lines)
        assert said.key() == found
        assert said.text("genre: ", found[1]) == found[1]


# ------------------------------------------------------------------ keys


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"a", "a"),
        (b"\r", "a"),
        (b"\n", "a"),
        (b"sAq", "sAq"),
        ("éß日".encode(), "éß日"),
        (b"\x1b[Aa", "a"),  # arrow up is no A
        (b"\x1b[1;5Cs", "s"),  # control and arrow right
        (b"\x1bOPs", "s"),  # F1
        (b"\x1b[15~q", "q"),  # F5
        (b"\xffa", "\ufffda"),
    ],
)
def test_keys(typed: tuple[_UnixKeys, Callable[[bytes], None]], data: bytes, keys: str) -> None:
    said, write = typed
    write(data)
    assert "".join(said.key()[0] for _ in keys) == keys


def test_the_end_is_quit(typed: tuple[_UnixKeys, Callable[[bytes], None]]) -> None:
    said, write = typed
    write(b"\x04")
    assert said.key() == ("q", "")


def test_an_escape_by_itself_is_nothing(typed: tuple[_UnixKeys, Callable[[bytes], None]]) -> None:
    said, write = typed
    write(b"\x1b")
    write(b"xa")  # within the moment in which a function key's bytes come: Alt and x
    assert said.key()[0] == "a"


def test_a_text_that_came_along_is_not_asked_for(
    typed: tuple[_UnixKeys, Callable[[bytes], None]],
) -> None:
    assert typed[0].text("genre: ", "Dub") == "Dub"


# ------------------------------------------------------------------ completion


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("j", ["Jazz", "jungle"]),
        ("DR", ["Drum & Bass", "Drone"]),
        (" dru", [" Drum & Bass"]),
        ("x", []),
        ("", NAMES),
    ],
)
def test_completion_in_any_case(text: str, found: list[str]) -> None:
    keys = Keys(NAMES)
    given = [keys.complete(text, i) for i in range(len(found) + 1)]
    assert given == [*found, None]
