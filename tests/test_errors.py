"""Errors: the tree and its exit codes, one line whatever the parts hold, nearest names."""

from __future__ import annotations

import difflib
import inspect
import pickle
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise import errors
from genrewise.errors import GenrewiseError, MissingExtra, UnknownName, nearest
from genrewise.worker import describe

#: The tree as the module's own documentation draws it.
TREE = {
    "GenrewiseError": ("Exception", 2),
    "AudioError": ("GenrewiseError", 1),
    "DatasetError": ("GenrewiseError", 2),
    "LeakageError": ("DatasetError", 2),
    "BundleError": ("GenrewiseError", 2),
    "ParityError": ("BundleError", 2),
    "RecipeError": ("GenrewiseError", 2),
    "UnknownName": ("GenrewiseError", 2),
    "MissingExtra": ("GenrewiseError", 3),
    "LibraryError": ("GenrewiseError", 2),
}
PLAIN = sorted(TREE.keys() - {"UnknownName", "MissingExtra"})

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.text("abcdefgh-_ 123éßİ", min_size=1, max_size=12)


def classes() -> dict[str, type[GenrewiseError]]:
    """Every exception that the module defines."""
    found = inspect.getmembers(errors, inspect.isclass)
    return {n: c for n, c in found if issubclass(c, GenrewiseError)}


# -------------------------------------------------------------------------- tree


def test_the_whole_tree_has_its_parents_and_exit_codes() -> None:
    assert {n: (c.__bases__[0].__name__, c.exit_code) for n, c in classes().items()} == TREE


def test_the_tree_is_the_documented_one_and_exported() -> None:
    drawn = dict(re.findall(r"- (\w+) +(\d)", errors.__doc__ or ""))
    assert drawn == {n: str(code) for n, (_, code) in TREE.items() if n != "GenrewiseError"}
    assert set(errors.__all__) == TREE.keys() | {"nearest"}
    for name, error in classes().items():
        assert inspect.getdoc(error), name


def test_catching_the_root_catches_all_of_them() -> None:
    for name in PLAIN:
        with pytest.raises(GenrewiseError, match=f"^{name}; expected rest$"):
            raise classes()[name](name, "rest")


# ---------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (("a.mp3: 0 bytes",), "a.mp3: 0 bytes"),
        (("a.mp3: 0 bytes", "audio"), "a.mp3: 0 bytes; expected audio"),
        (("a.mp3: 0 bytes", "", "copy it"), "a.mp3: 0 bytes. Copy it"),
        (("a", "b", "see https://x.org/Y"), "a; expected b. See https://x.org/Y"),
        (("a", "b", "école"), "a; expected b. École"),
        (("", "b"), "; expected b"),
        (("a\nb\r\nc\td",), "a b c d"),
        (("line 1 \n\n   line 2\n",), "line 1 line 2"),
        (("a\u2028b\u2029c\x85d\x0be\x0cf\x1cg",), "a b c d e f g"),
        (("two  blanks.mp3: text",), "two  blanks.mp3: text"),
        (("歌\u3000曲\u00a0.mp3",), "歌\u3000曲\u00a0.mp3"),
    ],
)
def test_three_parts_make_one_line(parts: tuple[str, ...], line: str) -> None:
    assert str(GenrewiseError(*parts)) == line


@given(given_=words, expected=words, todo=words)
def test_it_is_one_line_whatever_the_parts_hold(given_: str, expected: str, todo: str) -> None:
    for name in PLAIN:
        error = classes()[name](given_, expected, todo)
        line = str(error)
        assert len(line.splitlines()) <= 1
        assert not set("\r\n\t\v\f") & set(line)
        assert (error.given, error.expected, error.todo) == (given_, expected, todo)
        assert ("; expected" in line) or not expected


@given(st.lists(st.sampled_from(["a.mp3", "b c", "x"]), min_size=1, max_size=6))
def test_nothing_but_breaks_is_lost(parts: list[str]) -> None:
    assert str(GenrewiseError("\n".join(parts))) == " ".join(parts)
    assert str(GenrewiseError("  ".join(parts))) == "  ".join(parts)


@settings(max_examples=30)
@given(known=st.lists(names, max_size=20), name=words)
def test_unknown_names_are_one_line_too(known: list[str], name: str) -> None:
    line = str(UnknownName("model", name, known))
    assert len(line.splitlines()) <= 1
    assert line.startswith("no model named ")


@pytest.mark.parametrize("name", PLAIN)
def test_errors_travel_between_processes(name: str) -> None:
    error = classes()[name]("given", "expected", "todo")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (str(back), back.exit_code) == (str(error), error.exit_code)
    kind, parts = describe(error)
    assert (kind, str(GenrewiseError(*parts))) == (name, str(error))


# ----------------------------------------------------------------- unknown names


@pytest.mark.parametrize(
    ("name", "known", "line"),
    [
        ("x", [], "no model named 'x'"),
        ("x", ["svc"], "no model named 'x'; expected one of svc"),
        (
            "SVM",
            ["svc", "mlp"],
            "no model named 'SVM'; expected one of mlp, svc. Did you mean svc?",
        ),
        (
            "forst",
            ["forest", "frost"],
            "no model named 'forst'; expected one of forest, frost. Did you mean forest or frost?",
        ),
        ("it's", ["a"], 'no model named "it\'s"; expected one of a'),
        ("a\nb", ["zz"], "no model named 'a\\nb'; expected one of zz"),
    ],
)
def test_unknown_names(name: str, known: list[str], line: str) -> None:
    assert str(UnknownName("model", name, iter(known))) == line


def test_no_more_than_twelve_names_are_listed() -> None:
    known = [f"n{i:02d}" for i in range(12)]
    assert str(UnknownName("x", "zz", known)).endswith(", n11")
    line = str(UnknownName("x", "zz", [*known, "n12"]))
    assert line.endswith(", n11, …")
    assert "n12" not in line


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("Rok", ["rock", "pop"], ["rock"]),
        ("HIPHOP", ["pop", "Hip-Hop"], ["Hip-Hop", "pop"]),
        ("STRASSE", ["Straße"], ["Straße"]),
        ("jazz", ["jazz", "jaz", "jizz"], ["jazz", "jaz", "jizz"]),
        ("abcde", ["abcxy"], ["abcxy"]),  # three letters of five: .6
        ("abcd", ["abxy"], []),  # two of four: .5
        ("qqqq", ["rock", "pop"], []),
        ("", ["rock"], []),
        ("rock", [], []),
    ],
)
def test_nearest_names(name: str, known: list[str], found: list[str]) -> None:
    assert nearest(name, known) == found


@given(name=names, known=st.lists(names, max_size=12), n=st.integers(1, 4))
def test_nearest_names_are_known_few_and_best_first(name: str, known: list[str], n: int) -> None:
    found = nearest(name, known, n)
    assert set(found) <= set(known)
    assert len(found) <= n

    def likeness(other: str) -> float:
        return difflib.SequenceMatcher(None, other.casefold(), name.casefold()).ratio()

    likenesses = [likeness(f) for f in found]
    assert likenesses == sorted(likenesses, reverse=True)
    assert all(value >= 0.55 for value in likenesses)
    passed_over = {k.casefold() for k in known} - {f.casefold() for f in found}
    if len(found) < n:
        assert all(likeness(k) < 0.55 for k in passed_over)


@given(names)
def test_a_name_that_differs_in_case_only_is_the_nearest(name: str) -> None:
    assert nearest(name.upper(), [name, "zzzzzzzz"], 1) == [name] or name.upper().casefold() != (
        name.casefold()
    )


# ---------------------------------------------------------------- missing extras


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("a URL", "url"), 'a URL needs the extra [url]. Run: pip install "genrewise[url]"'),
        (
            ("training", "train", "torch"),
            "training needs the extra [train] (no module 'torch'). "
            'Run: pip install "genrewise[train]"',
        ),
    ],
)
def test_missing_extras_say_what_to_type(args: tuple[str, ...], line: str) -> None:
    assert str(MissingExtra(*args)) == line


def test_importing_the_errors_loads_the_standard_library_only() -> None:
    code = "import sys, genrewise.errors\nprint(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split()) - {"genrewise"}
    ours = {m for m in loaded if m in ("click", "numpy", "scipy", "soundfile", "onnxruntime")}
    assert (ours, "difflib" in loaded) == (set(), True)
