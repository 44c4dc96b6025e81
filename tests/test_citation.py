"""CITATION.cff can be read and says what the package says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

yaml = pytest.importorskip("yaml")

#: Required by the Citation File Format 1.2.0, of the whole and of each reference.
REQUIRED = {"cff-version", "message", "title", "authors"}
OF_A_REFERENCE = {"type", "title", "authors"}


@pytest.fixture(scope="module")
def citation() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_it_is_whole(citation: dict[str, Any]) -> None:
    assert set(citation) >= REQUIRED
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    for reference in citation["references"]:
        assert set(reference) >= OF_A_REFERENCE
        assert all(
            {"family-names", "given-names"} == set(person) for person in reference["authors"]
        )


def test_it_agrees_with_the_package(citation: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert citation["authors"] == project["authors"]
    assert citation["title"].startswith(f"{project['name']}: ")


def test_what_the_models_are_made_of_is_named(citation: dict[str, Any]) -> None:
    titles = " ".join(reference["title"] for reference in citation["references"])
    notes = " ".join(reference["notes"] for reference in citation["references"])
    assert "musicnn" in titles
    assert "GTZAN" in notes
