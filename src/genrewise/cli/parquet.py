"""A folder of Parquet files that grows as results come, and that a later run goes on with.

A part takes its name when it is whole, so that readers, and the next run, never see half of one.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click

from genrewise import __version__
from genrewise.cli.tables import pyarrow, schema_of, text
from genrewise.errors import DatasetError
from genrewise.files import replace_file

__all__ = ["Done", "ParquetFolder", "RecordFolder", "check_parquet", "parquet_options"]

T = TypeVar("T")

#: Rows of a part, and seconds after which a smaller one is written: what a crash loses.
ROWS, SECONDS = 10_000, 60.0

#: What Parquet files of ours say of themselves, and the column for names that are no UTF-8.
_MARK, _BYTES = b"genrewise", "path_bytes"
#: Columns of a record that hold one value, and what they are.
_PLAIN: dict[str, tuple[str, ...]] = {
    "string": ("status", "genre", "runner_up", "reason", "model", "error", "cause"),
    "float32": ("confidence",),
    "float64": ("seconds", "heard", "stated", "lost", "distance", "elapsed"),
}
_SEGMENT = {"start": "float64", "stop": "float64", "genre": "string", "confidence": "float32"}
#: Columns that hold several values, and what one of them is.
_LISTS: dict[str, dict[str, str]] = {
    "deciding": _SEGMENT,
    "timeline": _SEGMENT,
    "nearest": {"track": "string", "genre": "string", "similarity": "float32"},
}


def parquet_options(command: Any) -> Any:
    """Add ``--parquet DIR`` and ``--resume`` to a command."""
    for add in (
        click.option("--resume", is_flag=True, help="Leave out what stands in DIR already."),
        click.option(
            "--parquet",
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="Parquet files in a folder, as they come.",
        ),
    ):
        command = add(command)
    return command


def check_parquet(folder: Path | None, resume: bool, other: str) -> None:
    """Refuse what cannot be meant.

    Parameters
    ----------
    folder, resume
        Of the options.
    other : str
        Options that were given and say that the output goes elsewhere.

    Raises
    ------
    click.UsageError
    """
    if resume and folder is None:
        raise click.UsageError("--resume without a folder to go on with. Give --parquet DIR")
    if folder is not None and other:
        raise click.UsageError(f"{other} and --parquet; expected one of them")


def _key(path: str) -> int:
    """A path as 64 bits; among ten million two are alike once in 400,000 times."""
    return int.from_bytes(hashlib.blake2b(os.fsencode(path), digest_size=8).digest())


def _path(item: Any) -> str | None:
    """The path of an item of the engine; None where it has none."""
    for name in ("source", "item"):  # of a Track, and of what was Refused
        item = getattr(item, name, item)
    return item if isinstance(item, str) else None


class Done:
    """Which paths stand in a folder already; 8 bytes for each.

    Parameters
    ----------
    paths : iterable of str

    Attributes
    ----------
    met : int
        How many were left out by :meth:`rest`.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._keys = array("Q", sorted(map(_key, paths)))
        self.met = 0

    def __contains__(self, path: str) -> bool:
        key = _key(path)
        at = bisect_left(self._keys, key)
        return at < len(self._keys) and self._keys[at] == key

    def rest(self, items: Iterable[T]) -> Iterator[T]:
        """Items of the engine whose path is not done; the others are counted."""
        for item in items:
            path = _path(item) if self._keys else None
            if path is not None and path in self:
                self.met += 1
            else:
                yield item


class ParquetFolder:
    """Rows to Parquet files in a folder; use as a context manager.

    The columns are those of the first row, and ``path_bytes``: the path where it is no UTF-8.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    made_by : str
        What makes the rows; they stand together with none of another.
    key : str
        The column with the path.

    Raises
    ------
    DatasetError
        A file has that name.
    MissingExtra
        pyarrow is not installed.
    """

    def __init__(self, folder: Path, made_by: str, key: str = "path") -> None:
        self._pa = pyarrow()
        self.folder, self.made_by, self.key = folder, made_by, key
        self._schema: Any = None
        self._rows: list[dict[str, Any]] = []
        self._since = time.monotonic()
        if folder.exists() and not folder.is_dir():
            raise DatasetError(f"{folder}: a file", "the name of a folder")
        folder.mkdir(parents=True, exist_ok=True)
        self._number = 0

    def done(self, resume: bool) -> Done:
        """The paths that stand in the folder.

        Parameters
        ----------
        resume : bool
            There may be some.

        Raises
        ------
        DatasetError
            Parts without `resume`, parts of another make, or what is no part.
        """
        parts = sorted(self.folder.glob("*.parquet"))
        self._number = len(parts)
        if parts and not resume:
            raise DatasetError(
                f"{self.folder}: {len(parts)} Parquet file{'s' if len(parts) != 1 else ''} in it",
                "an empty folder",
                "name another, or go on with --resume",
            )
        return Done(path for part in parts for path in self._paths(part))

    def _paths(self, part: Path) -> Iterator[str]:
        try:
            with import_module("pyarrow.parquet").ParquetFile(part) as file:
                about = json.loads((file.schema_arrow.metadata or {}).get(_MARK, b"{}"))
                made_by = about.get("made_by", "another program")
                if made_by != self.made_by:
                    given = f"{part}: made by {made_by}"
                    raise DatasetError(given, self.made_by, "name another folder")
                for batch in file.iter_batches(columns=[self.key, _BYTES]):
                    for path, data in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                        yield path if data is None else os.fsdecode(data)
        except (OSError, ValueError, self._pa.ArrowException) as error:
            reason = str(error).partition("\n")[0]
            raise DatasetError(f"{part}: {reason}", "a Parquet file of genrewise's") from error

    def _columns(self, first: Mapping[str, Any]) -> Any:
        """The schema, by the first row."""
        plain = schema_of({key: value for key, value in first.items() if key != _BYTES})
        return plain.append(self._pa.field(_BYTES, self._pa.binary()))

    def write(self, *rows: Mapping[str, Any]) -> None:
        """Take the rows of a file, which go into one part; it is written once large or old."""
        for row in rows:
            shown = {k: text(v) if isinstance(v, str) else v for k, v in row.items()}
            path = row[self.key]
            shown[_BYTES] = None if shown[self.key] == path else os.fsencode(path)
            self._rows.append(shown)
        if len(self._rows) >= ROWS or time.monotonic() - self._since >= SECONDS:
            self.close()

    def close(self) -> None:
        """Write what is held."""
        rows, self._rows, self._since = self._rows, [], time.monotonic()
        if not rows:
            return
        if self._schema is None:
            about = json.dumps({"version": __version__, "made_by": self.made_by})
            self._schema = self._columns(rows[0]).with_metadata({_MARK: about.encode()})
        table = self._pa.Table.from_pylist(rows, self._schema)
        sink = self._pa.BufferOutputStream()
        import_module("pyarrow.parquet").write_table(table, sink, compression="zstd")
        # Two runs may write into one folder.
        name = f"part-{self._number:05}-{secrets.token_hex(4)}.parquet"
        replace_file(self.folder / name, sink.getvalue().to_pybytes())
        self._number += 1

    def __enter__(self) -> ParquetFolder:
        return self

    def __exit__(self, *exception: object) -> None:
        """Write what is held, also where the run was ended early."""
        self.close()


class RecordFolder(ParquetFolder):
    """Records of ``genrewise classify``: the same columns whatever the first one holds.

    Parameters
    ----------
    folder, made_by
        As for :class:`ParquetFolder`.
    labels : sequence of str
        Of the model.
    """

    def __init__(self, folder: Path, made_by: str, labels: Sequence[str]) -> None:
        super().__init__(folder, made_by)
        self.labels = labels

    def _columns(self, first: Mapping[str, Any]) -> Any:  # noqa: ARG002
        pa = self._pa
        kinds = {"string": pa.string(), "float32": pa.float32(), "float64": pa.float64()}

        def struct(fields: Mapping[str, str]) -> Any:
            return pa.struct([(name, kinds[kind]) for name, kind in fields.items()])

        columns = [("path", pa.string()), (_BYTES, pa.binary())]
        columns += [(name, kinds[kind]) for kind, names in _PLAIN.items() for name in names]
        columns.append(("genres", pa.list_(pa.string())))
        columns.append(("probabilities", struct(dict.fromkeys(self.labels, "float32"))))
        columns += [(name, pa.list_(struct(fields))) for name, fields in _LISTS.items()]
        return pa.schema(columns)

    def write(self, *rows: Mapping[str, Any]) -> None:
        """Take records."""
        super().write(*({**row, "probabilities": row["probabilities"] or None} for row in rows))
