"""Answers of a person: single keys on a terminal, lines in a pipe."""

from __future__ import annotations

import codecs
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import click

__all__ = ["Answers", "Keys", "Lines", "answers"]

#: Seconds within which the rest of a function key's bytes comes.
_REST = 0.05


class Answers(Protocol):
    """Where answers come from."""

    def key(self) -> tuple[str, str]:
        """The next key, and the text that came with it; ``q`` at the end."""

    def text(self, question: str, given: str) -> str:
        """A text: the one that was given, else one that is asked for where it can be."""


@contextmanager
def answers(names: list[str]) -> Iterator[Answers]:
    """Answers from standard input, whatever it is.

    Parameters
    ----------
    names : list of str
        What Tab completes a text to.
    """
    if not sys.stdin.isatty():
        yield Lines()
    elif sys.platform == "win32":
        yield Keys(names)
    else:
        import termios

        fd = sys.stdin.fileno()
        before = termios.tcgetattr(fd)
        try:
            yield _UnixKeys(names, fd)
        finally:
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


class Lines:
    """Answers that come in lines: a key, and after a blank what belongs to it."""

    def key(self) -> tuple[str, str]:
        """The next line; an empty one accepts."""
        line = sys.stdin.readline()
        if not line:
            return "q", ""
        key, _, rest = line.strip().partition(" ")
        return key or "a", rest.strip()

    def text(self, question: str, given: str) -> str:  # noqa: ARG002
        """What came with the key."""
        return given


class Keys:
    """Answers that are single keys.

    Parameters
    ----------
    names : list of str
        What Tab completes a text to.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def key(self) -> tuple[str, str]:
        """The key that is pressed; Enter accepts."""
        try:
            pressed = self.pressed()
        except EOFError:
            return "q", ""
        return ("a" if pressed in ("\r", "\n") else pressed), ""

    def pressed(self) -> str:
        """The next character.

        Raises
        ------
        EOFError
            The terminal is gone.
        """
        return click.getchar()

    def text(self, question: str, given: str) -> str:
        """A line, with completion where the system has it; empty where none was given."""
        if given:
            return given
        with suppress(ImportError):
            import readline

            readline.set_completer_delims(";")
            readline.set_completer(self.complete)
            readline.parse_and_bind("tab: complete")
        try:
            return input(question).strip()
        except EOFError:
            return ""

    def complete(self, text: str, state: int) -> str | None:
        """The names that begin as a text does, one after another, as readline asks for them."""
        lead = text[: len(text) - len(text.lstrip())]
        begun = text.strip().casefold()
        found = [name for name in self.names if name.casefold().startswith(begun)]
        return lead + found[state] if state < len(found) else None


class _UnixKeys(Keys):
    """Keys of a terminal that is told once to give each by itself: none typed ahead is lost."""

    def __init__(self, names: list[str], fd: int) -> None:
        super().__init__(names)
        self._fd = fd
        self._single(True)

    def _single(self, wanted: bool) -> None:
        """Give keys one by one without showing them, or whole lines; Ctrl-C works in both."""
        import termios

        mode = termios.tcgetattr(self._fd)
        flags = termios.ICANON | termios.ECHO
        mode[3] = mode[3] & ~flags if wanted else mode[3] | flags
        termios.tcsetattr(self._fd, termios.TCSANOW, mode)

    def pressed(self) -> str:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            data = os.read(self._fd, 1)
            if not data or data == b"\x04":
                raise EOFError
            if data == b"\x1b":  # an arrow's "[A" is no wish to accept all
                self._skip_sequence()
            elif text := decoder.decode(data):
                return text

    def _skip_sequence(self) -> None:
        """Read what follows an escape: a letter, or ``[`` or ``O`` and all up to a letter."""
        first = True
        while select.select([self._fd], [], [], _REST)[0]:
            data = os.read(self._fd, 1)
            if not (first and data in (b"[", b"O")) and not b"\x20" <= data <= b"\x3f":
                return
            first = False

    def text(self, question: str, given: str) -> str:
        self._single(False)
        try:
            return super().text(question, given)
        finally:
            self._single(True)
