"""Sizes that keep the code readable; the day one is passed, split it."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
OTHER = sorted([*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")])

FILE_LINES = 500
FILE_MEDIAN = 200
FUNCTION_LINES = 60
FUNCTION_MEDIAN = 8
TEST_TO_CODE = 1.2

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = Function | ast.ClassDef | ast.Module


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def body_lines(node: Function) -> int:
    """Lines from ``def`` to the end, without the docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def code_lines(path: Path) -> int:
    """Lines that are neither blank, nor a comment, nor of a docstring."""
    text = path.read_text(encoding="utf-8")
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Documented) and ast.get_docstring(node) is not None:
            first = node.body[0]
            told.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") and number not in told
        for number, line in enumerate(text.splitlines(), 1)
    )


def exported(node: ast.Module | ast.ClassDef) -> set[str]:
    """Names in ``__all__``; where there is none, those without an underscore."""
    for child in node.body:
        if isinstance(child, ast.Assign) and ast.unparse(child.targets[0]) == "__all__":
            return set(ast.literal_eval(child.value))
    named = {child.name for child in node.body if isinstance(child, Function | ast.ClassDef)}
    return {name for name in named if not name.startswith("_")}


def public(node: ast.Module | ast.ClassDef, name: str) -> Iterator[tuple[str, Documented]]:
    """A module or class and what it exports."""
    yield name, node
    for child in node.body:
        if isinstance(child, Function | ast.ClassDef) and child.name in exported(node):
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{name}.{child.name}")
            elif not any(ast.unparse(d).endswith("overload") for d in child.decorator_list):
                yield f"{name}.{child.name}", child


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_files_are_short() -> None:
    sizes = {relative(p): len(p.read_text("utf-8").splitlines()) for p in [*SOURCE, *TESTS, *OTHER]}
    assert {name: n for name, n in sizes.items() if n > FILE_LINES} == {}
    assert statistics.median(sizes[relative(p)] for p in SOURCE) <= FILE_MEDIAN


def test_functions_are_short() -> None:
    sizes = {
        f"{relative(path)}:{node.name}": body_lines(node)
        for path in [*SOURCE, *TESTS, *OTHER]
        for node in functions(path)
    }
    assert {name: n for name, n in sizes.items() if n > FUNCTION_LINES} == {}
    in_source = [body_lines(node) for path in SOURCE for node in functions(path)]
    assert statistics.median(in_source) <= FUNCTION_MEDIAN


def test_everything_public_has_a_docstring() -> None:
    missing = [
        name
        for path in SOURCE
        for name, node in public(ast.parse(path.read_text("utf-8")), relative(path))
        if ast.get_docstring(node) is None
    ]
    assert missing == []


def test_there_is_more_test_than_code() -> None:
    ratio = sum(map(code_lines, TESTS)) / sum(map(code_lines, SOURCE))
    assert ratio >= TEST_TO_CODE, f"{ratio:.2f} lines of test a line of code"


def test_what_counts_as_a_line_of_code(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(
        '"""One.\n\nTwo.\n"""\n\n# Three\ndef f():\n    """Four."""\n    return 1  # 5\n'
    )
    assert code_lines(path) == 2


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("def f():\n    return 1\n", 2),
        ('def f():\n    """One.\n\n    Two.\n    """\n    return 1\n', 2),
        ('@g\ndef f(\n    a,\n):\n    """One."""\n    return 1\n', 4),
    ],
)
def test_a_docstring_does_not_count(text: str, lines: int) -> None:
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)
    assert body_lines(node) == lines
