"""Registries: what is behind a name, plug-ins as pip installs them, what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.errors import GenrewiseError, MissingExtra, UnknownName
from genrewise.features import FEATURES
from genrewise.registry import Registry
from genrewise.training.datasets import DATASETS

THINGS = Registry(
    "thing",
    {"sep": "os:sep", "join": "os.path:join", "upper": "builtins:str.upper"},
)


def write_module(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path; the modules that a test loads from it are forgotten."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def distribution(site: Path, name: str, groups: dict[str, dict[str, str]]) -> None:
    """Metadata as an installer leaves it beside a distribution's modules."""
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in points.items()))
    ]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")


# ------------------------------------------------------------------------- ours


def test_names_come_in_the_order_of_the_table() -> None:
    assert THINGS.names() == list(THINGS) == ["sep", "join", "upper"]
    assert "join" in THINGS
    assert "joint" not in THINGS
    assert None not in THINGS


def test_what_is_behind_a_name() -> None:
    assert THINGS.get("sep") is os.sep
    assert THINGS.get("join") is os.path.join
    assert THINGS.get("upper") is str.upper


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("jion", "no thing named 'jion'; expected one of join, sep, upper. Did you mean join?"),
        ("SEP", "no thing named 'SEP'; expected one of join, sep, upper. Did you mean sep?"),
        ("zzz", "no thing named 'zzz'; expected one of join, sep, upper"),
        ("", "no thing named ''; expected one of join, sep, upper"),
    ],
)
def test_unknown_names_get_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UnknownName) as caught:
        THINGS.get(name)
    assert (str(caught.value), caught.value.exit_code) == (said, 2)


def test_a_registry_of_nothing_says_so() -> None:
    empty = Registry("thing", {})
    assert empty.names() == []
    with pytest.raises(UnknownName, match=r"^no thing named 'a'$"):
        empty.get("a")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text("abcxyz", min_size=1, max_size=4), unique=True, max_size=8))
def test_every_listed_name_can_be_had(names: list[str]) -> None:
    registry = Registry("thing", dict.fromkeys(names, "os:sep"))
    assert list(registry) == names
    assert [registry.get(name) for name in names] == [os.sep] * len(names)


def test_registries_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        THINGS.kind = "other"  # type: ignore[misc]


# ----------------------------------------------------------------------- missing


@pytest.mark.parametrize(
    ("registry", "name", "extra"),
    [
        (Registry("model", {"a": "needs_it:f"}, "train"), "a", "train"),
        (Registry("model", {"a": "needs_it:f"}, "train", {"a": "boost"}), "a", "boost"),
        (Registry("model", {"a": "needs_it:f"}, extras={"a": "boost"}), "a", "boost"),
    ],
)
def test_a_library_that_is_not_there_names_its_extra(
    site: Path, registry: Registry, name: str, extra: str
) -> None:
    write_module(site, "needs_it", "import not_installed_anywhere\n")
    with pytest.raises(MissingExtra) as caught:
        registry.get(name)
    assert str(caught.value) == (
        f"model a needs the extra [{extra}] (no module 'not_installed_anywhere'). "
        f'Run: pip install "genrewise[{extra}]"'
    )
    assert caught.value.exit_code == 3


def test_without_an_extra_the_fault_is_ours_and_is_not_dressed_up(site: Path) -> None:
    write_module(site, "needs_it", "import not_installed_anywhere\n")
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        Registry("thing", {"a": "needs_it:f"}).get("a")


def test_a_module_of_ours_that_is_not_there_is_no_missing_extra() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"genrewise\.no_such"):
        Registry("thing", {"a": "genrewise.no_such:f"}, "train").get("a")


@pytest.mark.parametrize(
    ("text", "error"), [("1 / 0\n", ZeroDivisionError), ("f = 1\n", AttributeError)]
)
def test_other_faults_of_a_module_come_through(
    site: Path, text: str, error: type[Exception]
) -> None:
    write_module(site, "faulty", text)
    with pytest.raises(error):
        Registry("thing", {"a": "faulty:g"}, "train").get("a")


# ---------------------------------------------------------------------- plug-ins


def test_installed_plug_ins_come_after_ours_and_replace_none(site: Path) -> None:
    write_module(site, "plug", "class Box:\n    lid = 'wood'\ndef f(): return 7\n")
    distribution(
        site,
        "plug",
        {
            "genrewise.things": {"z": "plug:f", "deep": "plug:Box.lid", "sep": "plug:f"},
            "genrewise.models": {"other": "plug:f"},
        },
    )
    assert THINGS.names() == ["sep", "join", "upper", "deep", "z"]
    assert THINGS.get("z")() == 7
    assert THINGS.get("deep") == "wood"
    assert THINGS.get("sep") == "/" or sys.platform == "win32"
    assert "other" not in THINGS
    with pytest.raises(UnknownName, match=r"of deep, join, sep, upper, z\. Did you mean"):
        THINGS.get("dep")


def test_kinds_of_two_words_have_a_group(site: Path) -> None:
    write_module(site, "plug", "def read(): return 'rows'\n")
    distribution(site, "plug", {"genrewise.data_sets": {"mine": "plug:read"}})
    assert DATASETS.names() == ["synthetic", "fma", "fma-miniature", "mine"]
    assert DATASETS.get("mine")() == "rows"


@pytest.mark.parametrize("value", ["plug:f [fast]", "plug:f [fast, slow]"])
def test_an_entry_point_may_name_extras_of_its_own(site: Path, value: str) -> None:
    write_module(site, "plug", "def f(): return 7\n")
    distribution(site, "plug", {"genrewise.things": {"z": value}})
    assert THINGS.get("z")() == 7


def test_an_entry_point_may_be_a_module(site: Path) -> None:
    write_module(site, "plug", "answer = 42\n")
    distribution(site, "plug", {"genrewise.things": {"z": "plug"}})
    found = THINGS.get("z")
    assert isinstance(found, ModuleType)
    assert found.answer == 42


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("absent:f", "No module named 'absent'"),
        ("plug:g", "module 'plug' has no attribute 'g'"),
        ("lacks:f", "No module named 'not_installed_anywhere'"),
    ],
)
@pytest.mark.parametrize("extra", ["", "train"])
def test_a_broken_plug_in_is_one_line_that_names_it(
    site: Path, value: str, reason: str, extra: str
) -> None:
    """No extra of ours would help, whatever the rest of the registry needs."""
    write_module(site, "plug", "f = 1\n")
    write_module(site, "lacks", "import not_installed_anywhere\n")
    distribution(site, "plug", {"genrewise.things": {"z": value}})
    with pytest.raises(GenrewiseError) as caught:
        Registry("thing", {"a": "os:sep"}, extra).get("z")
    assert str(caught.value) == (
        f"thing z, which is {value}: {reason}; expected a plug-in that can be imported. "
        "Install it again or remove it"
    )
    assert not isinstance(caught.value, MissingExtra)


def test_a_layout_of_a_plug_in_makes_a_table(site: Path, tmp_path: Path) -> None:
    """From the metadata to the command, in a process that knows nothing of this one."""
    write_module(
        site,
        "loud",
        "import numpy as np\n"
        "from genrewise.features.summary import NamedVector\n"
        "def peak(y, sr):\n"
        "    return NamedVector(('peak',), np.abs(y).max(keepdims=True))\n",
    )
    distribution(site, "loud", {"genrewise.features": {"peak": "loud:peak", "gone": "gone:f"}})
    import numpy as np
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.array([0, 0.25, -0.5, 0.125] * 999), 8000)

    def features(layout: str) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "genrewise", "features", "a.wav", "--layout", layout],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={"PYTHONPATH": str(site), "PATH": ""},
        )

    done = features("peak")
    assert done.stdout.splitlines() == [
        "filename,length,peak,label,group,track,split",
        "a.wav,3996,0.5,,,,",
    ]
    done = features("gone")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "gone, which is gone:f: No module named 'gone'" in done.stderr


# ----------------------------------------------------------------- our registries


@pytest.mark.parametrize("registry", [FEATURES, DATASETS], ids=lambda r: r.kind)
def test_every_entry_of_ours_is_there(registry: Registry) -> None:
    assert list(registry)[: len(registry.entries)] == list(registry.entries)
    for name in registry.entries:
        assert callable(registry.get(name)), name


def test_listing_imports_nothing() -> None:
    code = (
        "import sys\n"
        "from genrewise.registry import Registry\n"
        "r = Registry('thing', {'a': 'wave:open', 'b': 'no_such_module:f'}, 'train')\n"
        "assert r.names() == ['a', 'b'] and 'b' in r\n"
        "assert 'wave' not in sys.modules and 'numpy' not in sys.modules\n"
        "r.get('a')\n"
        "print('wave' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_making_a_registry_does_not_look_for_plug_ins() -> None:
    code = (
        "import sys, genrewise.registry, genrewise.features\n"
        "genrewise.features.FEATURES.get('gtzan57')\n"
        "print('importlib.metadata' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import sys; print('importlib.metadata' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "False\n"  # the oracle: Python itself does not need it
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
