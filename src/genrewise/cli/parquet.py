"""Records of ``genrewise classify`` as a folder of Parquet files, which a later run goes on with.

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
from typing import Any

from genrewise import __version__
from genrewise.engine import Refused, Waiting
from genrewise.errors import DatasetError, MissingExtra
from genrewise.files import replace_file

__all__ = ["Done", "ParquetFolder"]

#: Rows of a part at the most, and seconds after which a smaller one is written: what a crash loses.
ROWS, SECONDS = 10_000, 60.0

_MARK = b"genrewise"
#: Columns of one value, and what they are.
_PLAIN: dict[str, tuple[str, ...]] = {
    "string": ("status", "genre", "runner_up", "reason", "model", "error", "cause"),
    "float32": ("confidence",),
    "float64": ("seconds", "heard", "stated", "lost", "distance", "elapsed"),
}
_SEGMENT = {"start": "float64", "stop": "float64", "genre": "string", "confidence": "float32"}
#: Columns of several values, and what one of them is.
_LISTS: dict[str, dict[str, str]] = {
    "deciding": _SEGMENT,
    "timeline": _SEGMENT,
    "nearest": {"track": "string", "genre": "string", "similarity": "float32"},
}


def _key(path: str) -> int:
    """A path as 64 bits; among ten million two are alike once in 400,000 times."""
    return int.from_bytes(hashlib.blake2b(os.fsencode(path), digest_size=8).digest())


class Done:
    """Which paths stand in a folder already; 8 bytes for each.

    Parameters
    ----------
    paths : iterable of str
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._keys = array("Q", sorted(map(_key, paths)))
        self.met = 0

    def __contains__(self, path: str) -> bool:
        key = _key(path)
        at = bisect_left(self._keys, key)
        return at < len(self._keys) and self._keys[at] == key

    def rest(self, items: Iterable[str | Refused | Waiting]) -> Iterator[str | Refused | Waiting]:
        """Items that are not done; the others are counted in ``met``."""
        for item in items:
            path = item.item if isinstance(item, Refused) else item
            if not isinstance(path, Waiting) and self._keys and path in self:
                self.met += 1
            else:
                yield item


class ParquetFolder:
    """Records to Parquet files in a folder; use as a context manager.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    labels : sequence of str
        Of the model.
    model : str
        Name and hash of the model.
    resume : bool
        There may be parts already, of the same model.

    Raises
    ------
    DatasetError
        Parts without `resume`, of another model, or files that are none.
    MissingExtra
        pyarrow is not installed.
    """

    def __init__(self, folder: Path, labels: Sequence[str], model: str, resume: bool) -> None:
        try:
            self._pa: Any = import_module("pyarrow")
            self._parquet: Any = import_module("pyarrow.parquet")
        except ModuleNotFoundError as error:
            raise MissingExtra("Parquet tables", "dask", error.name or "") from error
        self.folder, self.labels = folder, tuple(labels)
        self._model, self._schema = model, self._columns(model)
        if folder.exists() and not folder.is_dir():
            raise DatasetError(f"{folder}: a file", "the name of a folder")
        folder.mkdir(parents=True, exist_ok=True)
        self._rows: list[dict[str, Any]] = []
        self._since = time.monotonic()
        parts = self._parts()
        if parts and not resume:
            raise DatasetError(
                f"{folder}: {len(parts)} Parquet file{'s' if len(parts) != 1 else ''} in it",
                "an empty folder",
                "name another, or go on with --resume",
            )
        self._number = len(parts)

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet"))

    def _columns(self, model: str) -> Any:
        pa = self._pa
        kinds = {
            "string": pa.string(),
            "binary": pa.binary(),
            "float32": pa.float32(),
            "float64": pa.float64(),
        }

        def struct(fields: Mapping[str, str]) -> Any:
            return pa.struct([(name, kinds[kind]) for name, kind in fields.items()])

        columns = [("path", pa.string()), ("path_bytes", pa.binary())]
        columns += [(name, kinds[kind]) for kind, names in _PLAIN.items() for name in names]
        columns.append(("probabilities", struct(dict.fromkeys(self.labels, "float32"))))
        columns += [(name, pa.list_(struct(fields))) for name, fields in _LISTS.items()]
        about = json.dumps({"version": __version__, "model": model})
        return pa.schema(columns, metadata={_MARK: about.encode()})

    def done(self) -> Done:
        """The paths that stand in the folder.

        Raises
        ------
        DatasetError
            A part is of another model, or no part at all.
        """
        return Done(path for part in self._parts() for path in self._paths(part))

    def _paths(self, part: Path) -> Iterator[str]:
        try:
            with self._parquet.ParquetFile(part) as file:
                about = (file.schema_arrow.metadata or {}).get(_MARK, b"{}")
                model = json.loads(about).get("model", "nothing of genrewise's")
                if model != self._model:
                    raise DatasetError(
                        f"{part}: made by {model}", self._model, "name another folder"
                    )
                for batch in file.iter_batches(columns=["path", "path_bytes"]):
                    for text, data in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                        yield text if data is None else os.fsdecode(data)
        except (OSError, ValueError, self._pa.ArrowException) as error:
            reason = str(error).partition("\n")[0]
            raise DatasetError(f"{part}: {reason}", "a Parquet file of genrewise's") from error

    def write(self, record: Mapping[str, Any]) -> None:
        """Take a record; a part is written once it is large or old enough."""
        path = record["path"]
        text = os.fsencode(path).decode("utf-8", "backslashreplace")
        row = {name: record.get(name) for names in _PLAIN.values() for name in names}
        row |= {name: record.get(name) for name in _LISTS}
        row |= {"path": text, "path_bytes": None if text == path else os.fsencode(path)}
        row["probabilities"] = record["probabilities"] or None
        self._rows.append(row)
        if len(self._rows) >= ROWS or time.monotonic() - self._since >= SECONDS:
            self.close()

    def close(self) -> None:
        """Write what is held."""
        rows, self._rows, self._since = self._rows, [], time.monotonic()
        if not rows:
            return
        table = self._pa.Table.from_pylist(rows, self._schema)
        sink = self._pa.BufferOutputStream()
        self._parquet.write_table(table, sink, compression="zstd")
        # Two runs may write into one folder.
        name = f"part-{self._number:05}-{secrets.token_hex(4)}.parquet"
        replace_file(self.folder / name, sink.getvalue().to_pybytes())
        self._number += 1

    def __enter__(self) -> ParquetFolder:
        return self

    def __exit__(self, *exception: object) -> None:
        """Write what is held, also where the run was ended early."""
        self.close()
