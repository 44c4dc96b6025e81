"""The built page equals its source, and is built from pinned packages."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from tests.web.page.conftest import ROOT, STATIC, UI

PACKAGE = json.loads((UI / "package.json").read_text("utf-8"))
LOCK = json.loads((UI / "package-lock.json").read_text("utf-8"))


def node_fits() -> bool:
    if not shutil.which("npm") or not shutil.which("node"):
        return False
    run = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.(\d+)", run.stdout)
    return bool(found) and (int(found[1]), int(found[2])) >= (20, 19)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not node_fits(), reason="needs node 20.19 or newer with npm")
def test_the_built_page_equals_its_source() -> None:
    run = subprocess.run(
        [ROOT / "scripts" / "page", "--check"], capture_output=True, text=True, check=False
    )
    if run.returncode and "npm error network" in run.stderr:
        pytest.skip("needs a package registry")
    assert run.returncode == 0, run.stderr


def test_the_script_refuses_what_it_does_not_know() -> None:
    run = subprocess.run(
        [ROOT / "scripts" / "page", "--chekc"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stderr == "scripts/page: no option '--chekc'; expected --check or nothing\n"


def test_versions_are_pinned_and_no_registry_is_named() -> None:
    wanted = PACKAGE["dependencies"] | PACKAGE["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert LOCK["packages"][""]["dependencies"] == PACKAGE["dependencies"]
    for name, found in LOCK["packages"].items():
        assert "resolved" not in found
        assert not name or found["integrity"].startswith("sha512-")


def test_the_packages_in_the_page_are_named_with_their_licences() -> None:
    text = (STATIC / "licences.txt").read_text("utf-8")
    for name in PACKAGE["dependencies"]:
        version = LOCK["packages"][f"node_modules/{name}"]["version"]
        assert f"{name} {version}:" in text or name == "vue"
    assert "@vue/runtime-dom 3." in text
    assert "Permission is hereby granted" in text


def test_every_file_of_the_page_is_asked_for_by_another() -> None:
    html = (STATIC / "index.html").read_text("utf-8")
    code = "".join(p.read_text("utf-8") for p in (STATIC / "assets").glob("*.js"))
    for path in (STATIC / "assets").iterdir():
        assert path.name in html + code
        assert path.suffix in (".js", ".css")


def test_the_texts_stand_in_one_file() -> None:
    """Words in a template come from ``texts.ts``; what is left are signs and units."""
    allowed = {"n", "F1", "JSON", "CSV", "A", "C", "S", "U", "D", "N", "n = "}
    for path in (UI / "src").rglob("*.vue"):
        template = re.search(r"<template>(.*)</template>", path.read_text("utf-8"), re.DOTALL)
        assert template
        # Attributes first, as what stands in them may hold any sign.
        tags = re.sub(r"=\"[^\"]*\"", "", template[1])
        bare = re.sub(r"\{\{.*?\}\}|<[^<>]*>", "\n", tags, flags=re.DOTALL)
        words = {line.strip(" ,;.·→–/") for line in bare.splitlines()}
        assert {w for w in words if re.search(r"[A-Za-z]", w)} <= allowed | {"n ="}, path.name


def test_components_are_small() -> None:
    sizes = {p.name: len(p.read_text("utf-8").splitlines()) for p in (UI / "src").rglob("*.vue")}
    assert {name: n for name, n in sizes.items() if n > 200} == {}
