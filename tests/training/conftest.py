"""Data sets that need no decoding, and a little synthetic music, for the tests of training."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrewise.training.datasets import Dataset, Item
from genrewise.training.datasets.synthetic import generate
from genrewise.training.recipe import Recipe, parse
from genrewise.training.store import Table

LABELS = ("blues", "jazz", "rock")
COLUMNS = 7


def toy_dataset(groups: int = 6, clips: int = 2, labels: tuple[str, ...] = LABELS) -> Dataset:
    """`clips` clips of one track in each of `groups` groups of each label."""
    items = [
        Item(f"{label}/{g}-{k}.wav", label, f"{label} artist {g}", f"{label} track {g}")
        for label in labels
        for g in range(groups)
        for k in range(clips)
    ]
    return Dataset("toy", "nowhere", tuple(items), labels)


def toy_table(dataset: Dataset, windows: int = 3, noise: float = 1.0, seed: int = 0) -> Table:
    """Windows whose first columns tell the label, with noise; the last names the group."""
    rng = np.random.default_rng(seed)
    n = len(dataset)
    y = dataset.targets()
    names = {group: i for i, group in enumerate(dict.fromkeys(i.group for i in dataset.items))}
    item = np.repeat(np.arange(n), windows)
    x = rng.normal(size=(n * windows, COLUMNS)) * noise
    x[np.arange(len(x)), y[item]] += 3.0
    x[:, -1] = [names[dataset.items[i].group] for i in item]
    start = np.tile(np.arange(windows) * 5.0, n)
    return Table(
        {"x": x.astype(np.float32)}, item, start, start + 10.0, np.ones(len(item), dtype=bool)
    )


def toy_recipe(**more: Any) -> Recipe:
    """Linear discriminants on the toy table; sections are joined to the defaults."""
    members = {"linear": {"model": "lda", "inputs": ["x"]}}
    values: dict[str, Any] = {
        "name": "toy",
        "features": {"x": {"kind": "statistics"}},
        "model": {"members": members},
        "split": {"test": 0.3},
    }
    return parse({**values, **more}, "toy")


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Dataset]:
    return toy_dataset


@pytest.fixture(scope="session")
def make_table() -> Callable[..., Table]:
    return toy_table


@pytest.fixture(scope="session")
def make_recipe() -> Callable[..., Recipe]:
    return toy_recipe


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three genres, six tracks of four seconds by three artists each; a manifest says so."""
    folder = tmp_path_factory.mktemp("music") / "three genres"
    genres = ("metal", "techno", "waltz")
    return generate(folder, 6, 4.0, genres=genres, tracks_per_artist=2)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that tests may fill together."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's cache is one of the tests' own."""
    monkeypatch.setenv("GENREWISE_CACHE", str(shared_cache))
    return shared_cache


@pytest.fixture(scope="session")
def fma_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature of FMA: three artists of one track each in every genre, 1 s."""
    from genrewise.training.datasets.fma_miniature import generate

    return generate(tmp_path_factory.mktemp("fma"), 3, 1.0, tracks_per_artist=1)


@pytest.fixture
def fma_copy(fma_made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return shutil.copytree(fma_made, tmp_path / "data")


def write_deb(folder: Path, name: str, files: Mapping[str, bytes], version: str = "1.0-1") -> Path:
    """A package with `files`, by path from its root."""
    tree = folder / f"{name}-tree"
    control = tree / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
        "Maintainer: Nobody <nobody@example.org>\nDescription: for a test\n"
    )
    for path, content in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
    target = folder / f"{name}_{version.replace(':', '%3a')}_all.deb"
    subprocess.run(
        ["dpkg-deb", "-Znone", "--build", str(tree), str(target)], check=True, capture_output=True
    )
    shutil.rmtree(tree)
    return target


@pytest.fixture(scope="session")
def deb() -> Callable[..., Path]:
    """Makes packages of Debian; for tests that are skipped where dpkg-deb is missing."""
    return write_deb
