"""Tables that are written to a file as the rows come: CSV, or Parquet by pyarrow."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TextIO

import click

from genrewise import engine
from genrewise.cli.output import ready_stdout
from genrewise.errors import DatasetError, MissingExtra

__all__ = ["TableFile", "pyarrow", "schema_of", "text"]

#: Rows that are handed to pyarrow at once.
_BATCH = 1000


def pyarrow() -> Any:
    """The module, which starts threads: workers are spawned from then on, and not forked.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    engine.dismiss()  # what was forked before would wait for work in vain
    try:
        return import_module("pyarrow")
    except ModuleNotFoundError as error:
        raise MissingExtra("Parquet tables", "dask", error.name or "") from error


def schema_of(first: Mapping[str, Any]) -> Any:
    """Columns as a row has them; numbers with a fraction in single precision, as features are."""
    pa = pyarrow()
    kinds = {str: pa.string(), int: pa.int64(), float: pa.float32()}
    return pa.schema([(key, kinds[type(value)]) for key, value in first.items()])


def text(name: str) -> str:
    """What Parquet, which holds text only, can hold: bytes that are no UTF-8 are shown."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


class _Writer(Protocol):
    def write(self, record: Mapping[str, Any]) -> None:
        """Write one row."""

    def close(self) -> None:
        """Write what ends the document."""


class _CsvTable:
    """Rows to CSV, numbers with all of their digits; to standard output without a path."""

    def __init__(self, fields: list[str], path: str = "") -> None:
        # A name that is no UTF-8 is written as the bytes that it is.
        self._file: TextIO | None = None
        if path:
            self._file = Path(path).open(  # noqa: SIM115
                "w", encoding="utf-8", errors="surrogateescape", newline=""
            )
        self._out = self._file or ready_stdout()
        self._rows = csv.DictWriter(self._out, fields, lineterminator="\n")
        self._rows.writeheader()

    def write(self, record: Mapping[str, Any]) -> None:
        self._rows.writerow(record)
        self._out.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class _ParquetFile:
    """Rows to one Parquet file."""

    def __init__(self, first: Mapping[str, Any], path: str) -> None:
        self._schema = schema_of(first)
        self._writer = import_module("pyarrow.parquet").ParquetWriter(path, self._schema)
        self._rows: list[Mapping[str, Any]] = []

    def write(self, record: Mapping[str, Any]) -> None:
        self._rows.append({k: text(v) if isinstance(v, str) else v for k, v in record.items()})
        if len(self._rows) >= _BATCH:
            self._hand_over()

    def _hand_over(self) -> None:
        self._writer.write_table(pyarrow().Table.from_pylist(self._rows, self._schema))
        self._rows = []

    def close(self) -> None:
        if self._rows:
            self._hand_over()
        self._writer.close()


class TableFile:
    """A table whose columns are those of its first row; takes its name when it is whole.

    Use as a context manager.  Until it is whole, and after Ctrl-C, it is called
    ``FILE.part``.

    Parameters
    ----------
    output : str
        A path that ends in ``.csv`` or ``.parquet``; ``-`` writes CSV to standard output.

    Raises
    ------
    click.BadParameter
        Another ending.
    DatasetError
        No such folder, or a folder of that name.
    MissingExtra
        Parquet without pyarrow.
    """

    def __init__(self, output: str) -> None:
        self.output = output
        suffix = Path(output).suffix.lower()
        if output != "-" and suffix not in (".csv", ".parquet"):
            raise click.BadParameter(f"{output}; expected a name that ends in .csv or .parquet")
        if output != "-" and not Path(output).absolute().parent.is_dir():
            raise DatasetError(f"{output}: no such folder", todo="make it first")
        if Path(output).is_dir():
            raise DatasetError(f"{output}: a folder", "the name of a file")
        self._parquet = suffix == ".parquet"
        if self._parquet:
            pyarrow()
        self._part = output + ".part"
        self._writer: _Writer | None = None

    def _open(self, first: Mapping[str, Any]) -> _Writer:
        if self.output == "-":
            return _CsvTable(list(first))
        if self._parquet:
            return _ParquetFile(first, self._part)
        return _CsvTable(list(first), self._part)

    def write(self, *rows: Mapping[str, Any]) -> None:
        """Write rows; the first one's keys are the columns."""
        for row in rows:
            if self._writer is None:
                self._writer = self._open(row)
            self._writer.write(row)

    def __enter__(self) -> TableFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Close; where nothing went wrong the table takes its name."""
        if self._writer is None:
            return
        self._writer.close()
        if self.output != "-" and kind is None:
            os.replace(self._part, self.output)  # noqa: PTH105
