"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing about the program.
# The same examples in every run, so that a failure is of the change; `--hypothesis-profile
# exploring` looks for new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("exploring", deadline=None, max_examples=1000)
settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real music; tests that need it are skipped by name where it is absent."""
    folder = Path(os.environ.get("GENREWISE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real music: set GENREWISE_DATA to the data folder")
    return folder


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The functions that workers run; a spawned worker gets this path as well."""
    monkeypatch.syspath_prepend(ROOT / "tests")
    import engine_jobs

    return engine_jobs


@pytest.fixture(scope="session")
def clusters() -> ModuleType:
    """The functions that start Dask; tests that need it are skipped by name where it is absent."""
    pytest.importorskip("distributed", reason="no Dask: install the extra [dask]")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tests")
        import dask_processes
    return dask_processes
