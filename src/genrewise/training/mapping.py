"""How the labels of a data set meet those of a model: by name, by a map, by a repaired spelling."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genrewise.errors import DatasetError, nearest
from genrewise.labels import fold, recognise
from genrewise.training.datasets.base import some
from genrewise.training.datasets.rows import read_rows

__all__ = ["Match", "check_map", "match", "read_map", "refuse_strangers"]

#: Names of the column of a map that holds the model's labels.
_MODEL = ("model", "model_label", "model label")


@dataclass(frozen=True)
class Match:
    """Which labels of a data set a model knows, and by what name.

    Parameters
    ----------
    known : mapping of str to int
        Label of the data set to the index of the model's label.
    repaired : mapping of str to str
        Label of the data set to the model's label, where the spelling differs and no map says so.
    left_out : tuple of str
        Labels that the map leaves out.
    taken : mapping of str to str
        Labels left out because another label of the data set is that label of the model
        already: two genres are made one by a map alone.
    outside : tuple of str
        Labels that the model does not know.
    """

    known: Mapping[str, int]
    repaired: Mapping[str, str]
    left_out: tuple[str, ...]
    taken: Mapping[str, str]
    outside: tuple[str, ...]


def read_map(path: str | Path) -> dict[str, str]:
    """A map from a file: label of the data set to label of the model, empty to leave it out.

    Parameters
    ----------
    path : path
        A table (CSV, TSV, JSONL) with the columns ``label`` and ``model``, or TOML with a
        line ``"label" = "model label"`` each.

    Raises
    ------
    DatasetError
        Unreadable, other columns, a label twice, a value that is no text.
    """
    path = Path(path)
    if path.suffix.lower() == ".toml":
        return _toml(path)
    table = read_rows(path)
    columns = {name.casefold(): name for name in table.header}
    ours = columns.get("label", "")
    theirs = next((columns[name] for name in _MODEL if name in columns), "")
    if not (ours and theirs):
        raise DatasetError(
            f"{path}: columns {', '.join(table.header[:8])}", "the columns label and model"
        )
    labels = [row[ours].strip() for row in table.rows]
    twice = [label for label, n in Counter(labels).items() if n > 1]
    if twice:
        raise DatasetError(f"{path}: {twice[0]!r} twice", "each label once")
    return {
        label: row[theirs].strip() for label, row in zip(labels, table.rows, strict=True) if label
    }


def _toml(path: Path) -> dict[str, str]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}", "a readable TOML file") from error
    except ValueError as error:  # no UTF-8, or no TOML
        raise DatasetError(f"{path}: {error}", "TOML") from error
    for label, name in values.items():
        if not isinstance(name, str):
            raise DatasetError(f"{path}: {label} = {name!r}", '"label" = "model label"')
    return {label: name.strip() for label, name in values.items()}


def check_map(
    mapping: Mapping[str, str], labels: Sequence[str], model: Sequence[str], listed: str = ""
) -> tuple[str, ...]:
    """Refuse a map that names what there is not.

    Parameters
    ----------
    mapping : mapping of str to str
    labels : sequence of str
        Of the data.
    model : sequence of str
        Of the model.
    listed : str
        The file that the map was read from.  One list may serve several data sets, so what it
        has too much is told, not refused.

    Returns
    -------
    tuple of str
        Lines to tell.

    Raises
    ------
    DatasetError
        With the nearest name.
    """
    for ours, theirs in mapping.items():
        for what, name, known in (("data", ours, labels), ("model", theirs, model)):
            if name in known or (what == "data" and listed) or not name:
                continue
            close = nearest(name, known)
            raise DatasetError(
                f"map {ours}={theirs}: {name} is no label of the {what}",
                f"one of {', '.join(known)}",
                f"did you mean {close[0]}?" if close else "",
            )
    more = [ours for ours in mapping if ours not in labels]
    return (f"{listed}: labels that the data do not have: {some(more)}",) if more else ()


def _spelling(label: str, model: Sequence[str]) -> str:
    """The model's label that is meant by another spelling; empty where there is none."""
    known = recognise(model)
    found = known.repair(label) if known else None
    if found is not None and found in model:
        return found
    same = [name for name in model if fold(label) and fold(name) == fold(label)]
    return same[0] if len(same) == 1 else ""


def match(labels: Iterable[str], model: Sequence[str], mapping: Mapping[str, str]) -> Match:
    """Find the model's label for each label of a data set.

    What the map says goes first, then the same name, then another spelling of it
    (``Hip-Hop`` for ``hiphop``).

    Parameters
    ----------
    labels : iterable of str
        Of the data set.
    model : sequence of str
        The model's.
    mapping : mapping of str to str
        Empty values leave a label out.
    """
    labels, place = list(labels), {label: i for i, label in enumerate(model)}
    said = {
        label: mapping.get(label, label) for label in labels if label in mapping or label in place
    }
    guessed = {label: _spelling(label, model) for label in labels if label not in said}
    spelt = {label: to for label, to in guessed.items() if to}
    wanted = Counter([*said.values(), *spelt.values()])
    repaired = {label: to for label, to in spelt.items() if wanted[to] == 1}
    meant = {**said, **repaired}
    known = {label: place[meant[label]] for label in labels if meant.get(label) in place}
    return Match(
        known=known,
        repaired=repaired,
        left_out=tuple(label for label in labels if said.get(label) == ""),
        taken={label: to for label, to in spelt.items() if label not in repaired},
        outside=tuple(label for label in labels if label not in said and label not in spelt),
    )


def refuse_strangers(
    name: str, labels: Sequence[str], model: Sequence[str], own: Match, heard: bool = False
) -> None:
    """Refuse a data set of which a model knows no label.

    Parameters
    ----------
    name : str
    labels : sequence of str
        Of the data set.
    model : sequence of str
        The model's.
    own : Match
    heard : bool
        Labels that the model does not know are heard as well: they alone are enough.

    Raises
    ------
    DatasetError
        With a map that would mend it; none of its labels was asked for.
    """
    if own.known or (heard and own.outside):
        return
    if not labels:
        raise DatasetError(f"{name}: no clip bears a label that was asked for", "one or more")
    close = nearest(labels[0], model)
    raise DatasetError(
        f"{name}: none of its labels ({', '.join(labels[:8])})",
        f"some of the model's: {', '.join(model)}",
        f"map them: --map {labels[0]}={close[0] if close else model[0]}",
    )
