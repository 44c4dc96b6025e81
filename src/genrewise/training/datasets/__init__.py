"""Data sets: folders, manifests, feature tables, GTZAN, FMA and synthetic music.

Third parties add a data set by an entry point of the group ``genrewise.data_sets``: a
function ``(settings: str, cache: Path) -> Path`` that prepares a folder and returns it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genrewise.cache import cache_dir
from genrewise.errors import DatasetError, nearest
from genrewise.registry import Registry
from genrewise.training.datasets.base import Dataset, FeatureTable, Item, select
from genrewise.training.datasets.fma import read_fma
from genrewise.training.datasets.fma_tables import is_features, is_tracks
from genrewise.training.datasets.folder import read_folder
from genrewise.training.datasets.gtzan import read_gtzan
from genrewise.training.datasets.manifest import find_manifest, read_manifest
from genrewise.training.datasets.rows import read_rows
from genrewise.training.datasets.tables import is_table, read_table

__all__ = ["DATASETS", "Dataset", "FeatureTable", "Item", "read", "select"]

#: Data sets that a name stands for.
DATASETS = Registry(
    "data set",
    {
        "synthetic": "genrewise.training.datasets.synthetic:prepare",
        "fma": "genrewise.training.datasets.fma:prepare",
        "fma-miniature": "genrewise.training.datasets.fma_miniature:prepare",
    },
    extra="train",
)


def read(source: str | Path, *, labels: Sequence[str] | None = None, group_by: str = "") -> Dataset:
    """Read a data set.

    Parameters
    ----------
    source : str or Path
        A folder (its ``manifest.csv``, ``.jsonl`` or ``.tsv`` is read first; else FMA by
        its tables; else GTZAN by its file names; else one sub-folder a genre), a manifest, a
        CSV of features, or a name such as ``"synthetic:tracks_per_genre=6,seconds=5"`` or
        ``"fma:FOLDER?features"``.
    labels : sequence of str, optional
        A subset, in the order of the class indices.
    group_by : str
        A column of the manifest, or ``tags``, ``artist``, ``album``, ``folder``, ``file``
        or a list ``LIST.csv`` with track and group; empty takes the best there is.

    Returns
    -------
    Dataset
        Groups are closed: no track and no replica set lies in two of them.

    Raises
    ------
    DatasetError
        Nothing there, or nothing that can be learnt from.
    UnknownName
        A label or a rule that there is not.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        dataset = _folder(path, group_by)
    elif path.is_file():
        dataset = _file(path, group_by)
    else:
        dataset = _named(str(source), group_by)
    return select(dataset, labels) if labels else dataset


def _folder(path: Path, group_by: str, words: str = "", name: str = "") -> Dataset:
    manifest = find_manifest(path)
    if manifest and not words:
        return read_manifest(manifest, group_by, name)
    found = read_fma(path, group_by, words, name)
    if found is None and words:
        raise DatasetError(f"{name}:…?{words}: no copy of FMA", "no words after a question mark")
    return found or read_gtzan(path, group_by, name) or read_folder(path, group_by, name)


def _file(path: Path, group_by: str) -> Dataset:
    if path.suffix.lower() not in {".csv", ".tsv", ".txt", ".jsonl", ".ndjson"}:
        raise DatasetError(f"{path}: a file", "a folder, or a CSV or JSONL file")
    if is_tracks(path) or is_features(path):
        return _folder(path.parent, group_by, "features" if is_features(path) else "")
    table = read_rows(path)
    if is_table(table):
        return read_table(table, group_by)
    return read_manifest(path, group_by, path.stem)


def _named(source: str, group_by: str) -> Dataset:
    name, _, settings = source.partition(":")
    settings, _, words = settings.partition("?")
    if name not in DATASETS:
        close = nearest(source, DATASETS)
        raise DatasetError(
            f"{source}: no such folder, file or data set",
            "a folder of genre folders, a manifest, a table, or one of " + ", ".join(DATASETS),
            f"did you mean {close[0]}?" if close else "",
        )
    return _folder(DATASETS.get(name)(settings, cache_dir()), group_by, words, name)
