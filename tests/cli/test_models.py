"""``genrewise models``: the list, the card, where things are, and getting what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from genrewise import bundle
from genrewise.backbone import fetch
from genrewise.bundle import Bundle, BundleInfo
from genrewise.cli import group
from genrewise.inputs import make_input


def call(*args: str) -> Result:
    return CliRunner().invoke(group, ["models", *args], prog_name="genrewise")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path) -> Path:
    """A cache that holds the tiny model, and one that needs a backbone which is not there."""
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path / "cache"))
    made = bundle.read(model)
    folder = tmp_path / "cache" / "models"
    bundle.write(made, folder / "tiny.genrewise")
    spec = {"kind": "backbone", "backbone": "musicnn-msd", "layers": ["penultimate"]}
    inputs = {**made.info.inputs, "b": {**spec, "summary": ["mean"], "hop": 187}}
    prints = {name: make_input(values).fingerprint() for name, values in inputs.items()}
    values = {**made.info.__dict__, "name": "large", "inputs": inputs, "fingerprints": prints}
    bundle.write(
        Bundle(BundleInfo(**values | {"metrics": {}}), made.files), folder / "large.genrewise"
    )
    return tmp_path / "cache"


@pytest.mark.usefixtures("cache")
def test_the_table() -> None:
    found = call()
    assert found.exit_code == 0
    heading, *rows = found.stdout.splitlines()
    assert heading.split() == ["name", "labels", "size", "licence", "accuracy", "here"]
    by_name = {row.split()[0]: row.split() for row in rows}
    assert by_name["tiny"][1:] == [
        "2",
        *by_name["tiny"][2:4],
        "Apache-2.0",
        "0.875",
        "(0.75–1.00)",
        "yes",
    ]
    assert by_name["large"][4:] == ["Apache-2.0", "–", "no:", "genrewise", "models", "get", "large"]


def test_json_has_the_fixed_keys(cache: Path) -> None:
    found = call("--json")
    assert found.exit_code == 0
    entries = {e["name"]: e for e in json.loads(found.stdout)}
    for entry in entries.values():
        assert list(entry)[:6] == ["name", "labels", "bytes", "licence", "metrics", "available"]
    tiny = entries["tiny"]
    assert tiny["labels"] == ["noise", "tone"]
    assert tiny["bytes"] == (cache / "models" / "tiny.genrewise").stat().st_size
    assert tiny["metrics"]["track"]["accuracy"] == 0.875
    assert (tiny["available"], tiny["needs"]) == (True, [])
    assert (entries["large"]["available"], entries["large"]["needs"]) == (False, ["musicnn-msd"])


def test_show_prints_the_card(cache: Path) -> None:
    assert call("show", "tiny").stdout == "# Tiny\n\nTells tones from noise.\n"
    assert call("show", str(cache / "models" / "tiny.genrewise")).stdout.startswith("# Tiny")
    assert call("show", "large").stdout == "large has no card\n"


def test_where_things_are(cache: Path) -> None:
    assert call("where").stdout == f"{cache}\n"
    assert call("where", "tiny").stdout == f"{cache}/models/tiny.genrewise\n"


@pytest.mark.usefixtures("cache")
def test_get_has_nothing_to_do_for_a_model_that_is_whole() -> None:
    found = call("get", "tiny")
    assert (found.exit_code, found.stdout, found.stderr) == (0, "", "tiny: nothing to fetch\n")


@pytest.mark.parametrize("name", ["large", "musicnn-msd"])
def test_get_checks_what_it_is_given(cache: Path, name: str) -> None:
    wheel = cache.parent / "musicnn-0.1.0-py2.py3-none-any.whl"
    wheel.write_bytes(b"not the wheel")
    found = call("get", name, "--from", str(wheel))
    assert found.exit_code == 2
    assert found.stderr.splitlines()[-1].startswith("Error: ")
    assert "sha256" in found.stderr.lower()
    assert not fetch.available("musicnn-msd")


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("command", ["get", "show", "where"])
def test_unknown_names_are_refused_with_the_nearest(command: str) -> None:
    found = call(command, "tinny")
    assert found.exit_code == 2
    assert "no model named 'tinny'" in found.stderr
    assert "Did you mean tiny?" in found.stderr


@pytest.mark.usefixtures("cache")
def test_unknown_subcommands_are_refused() -> None:
    found = call("shwo", "tiny")
    assert found.exit_code == 2
    assert "shwo" in found.stderr


@pytest.mark.usefixtures("cache")
def test_completion_offers_models_and_files() -> None:
    from genrewise.cli.options import complete_models

    ctx, option = None, None
    offered = complete_models(ctx, option, "ti")  # type: ignore[arg-type]
    assert [item.value for item in offered] == ["tiny"]
    assert [item.type for item in complete_models(ctx, option, "./x")] == ["file"]  # type: ignore[arg-type]
