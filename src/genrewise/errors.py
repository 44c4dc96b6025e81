"""Every exception genrewise raises on purpose.

::

    GenrewiseError            exit code
      - AudioError            1   a file could not be read, decoded or analysed
      - DatasetError          2   a data set is not what it should be
        - LeakageError        2   one group stands on two sides of a split
      - BundleError           2   a model file is missing, damaged or too new
        - ParityError         2   an exported model disagrees with the fitted one
      - RecipeError           2   a recipe or a setting is wrong
      - UnknownName           2   no such model, feature, data set, …
      - MissingExtra          3   an optional dependency is not installed
      - LibraryError          2   the catalogue or the journal of a library

A message is one line in three parts: what was given, what was expected and
what to do about it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = [
    "AudioError",
    "BundleError",
    "DatasetError",
    "GenrewiseError",
    "LeakageError",
    "LibraryError",
    "MissingExtra",
    "ParityError",
    "RecipeError",
    "UnknownName",
    "nearest",
]

#: What ends a line or moves within it, with the blanks about it.
_BREAKS = re.compile(r"(?: *[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029])+ *")


class GenrewiseError(Exception):
    """Root of all errors of this package.

    Parameters
    ----------
    given : str
        What was given, with its name: ``"song.mp3: 0 bytes"``.
    expected : str, optional
        What was expected: ``"an audio file"``.
    todo : str, optional
        What the user can do: ``"copy the file again"``.
    """

    exit_code = 2

    def __init__(self, given: str, expected: str = "", todo: str = "") -> None:
        self.given, self.expected, self.todo = given, expected, todo
        super().__init__(given, expected, todo)

    def __str__(self) -> str:
        text = self.given
        if self.expected:
            text += f"; expected {self.expected}"
        if self.todo:
            text += f". {self.todo[0].upper()}{self.todo[1:]}"
        # One line, whatever a decoder or a file name put into it; other blanks stay, so
        # that a name can be copied out of the message.
        return _BREAKS.sub(" ", text).strip()


class AudioError(GenrewiseError):
    """A file could not be read, decoded or analysed."""

    exit_code = 1


class DatasetError(GenrewiseError):
    """A data set, manifest or table is not what it should be."""


class LeakageError(DatasetError):
    """One group (track, artist, replica set) stands on two sides of a split."""


class BundleError(GenrewiseError):
    """A model file is missing, damaged, or of a version this program does not read."""


class ParityError(BundleError):
    """An exported model gives other probabilities than the fitted one."""


class RecipeError(GenrewiseError):
    """A recipe, or a setting given on the command line, is wrong."""


class LibraryError(GenrewiseError):
    """The catalogue or the journal of a music library refuses an operation."""


class UnknownName(GenrewiseError):
    """A name that no registry, label set or option list knows.

    Parameters
    ----------
    kind : str
        What was looked for: ``"model"``.
    name : str
        The name as given.
    known : iterable of str
        The names there are.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = nearest(name, names)
        todo = f"did you mean {' or '.join(close)}?" if close else ""
        listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
        super().__init__(f"no {kind} named {name!r}", f"one of {listed}" if names else "", todo)


class MissingExtra(GenrewiseError):
    """An optional dependency is not installed.

    Parameters
    ----------
    what : str
        What needs it: ``"training"``.
    extra : str
        The name of the extra.
    module : str, optional
        The module that could not be imported.
    """

    exit_code = 3

    def __init__(self, what: str, extra: str, module: str = "") -> None:
        missing = f" (no module {module!r})" if module else ""
        super().__init__(
            f"{what} needs the extra [{extra}]{missing}",
            todo=f'run: pip install "genrewise[{extra}]"',
        )


def nearest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """Names in `known` that are spelled most like `name`, best first.

    Parameters
    ----------
    name : str
        A name, perhaps misspelled; case does not matter.
    known : iterable of str
        The names there are.
    n : int
        How many at the most.

    Returns
    -------
    list of str
        Empty where nothing is close.
    """
    folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=n, cutoff=0.55)
    return [folded[c] for c in close]
