"""Tables, JSON, CSV, messages and progress."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.cli import output
from genrewise.cli.output import (
    Column,
    Csv,
    JsonArray,
    JsonLines,
    Progress,
    Table,
    clean,
    clock,
    json_text,
    plain_numbers,
    say,
    size,
    style,
    table,
    use_colour,
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(os, "get_terminal_size", lambda _fd: os.terminal_size((60, 24)))
    use_colour(None)
    yield
    use_colour(None)
    Progress.shown = None


# ------------------------------------------------------------------ text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name.mp3", "plain name.mp3"),
        ("日本 – Ü.mp3", "日本 – Ü.mp3"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x07\x7f\x9b", "\\x07\\x7f\\x9b"),
        ("\udcff\udc80.mp3", "\\xff\\x80.mp3"),
        ("\ud800", "\\ud800"),
        ("abc\u202egpj.mp3", "abc\\u202egpj.mp3"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("a\xa0b", "a\xa0b"),  # unusual, but harmless
    ],
)
def test_what_moves_the_cursor_is_escaped(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_clean_text_stays_on_its_line(text: str) -> None:
    shown = clean(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    shown.encode()  # no lone surrogates
    assert clean(shown) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0:00.0"),
        (0.23, "0:00.2"),
        (7.46, "0:07.5"),
        (59.94, "0:59.9"),
        (59.97, "1:00"),
        (60.0, "1:00"),
        (185.4, "3:05"),
        (3599.6, "1:00:00"),
        (7265.0, "2:01:05"),
    ],
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (4_200_000, "4.2 MB"), (2.5e10, "25.0 GB")],
)
def test_size(count: float, shown: str) -> None:
    assert size(count) == shown


# ------------------------------------------------------------------ colour


@pytest.mark.parametrize(
    ("wanted", "terminal", "variable", "coloured"),
    [
        (None, True, "", True),
        (None, False, "", False),
        (None, True, "1", False),
        (False, True, "", False),
        (True, False, "1", True),
    ],
)
def test_colour_is_for_terminals_and_for_who_wants_it(
    monkeypatch: pytest.MonkeyPatch,
    wanted: bool | None,
    terminal: bool,
    variable: str,
    coloured: bool,
) -> None:
    monkeypatch.setenv("NO_COLOR", variable)
    use_colour(wanted)
    stream = Terminal() if terminal else io.StringIO()
    assert (style("x", stream, fg="red") != "x") is coloured


def test_a_dumb_terminal_has_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert style("x", Terminal(), fg="red") == "x"


# ------------------------------------------------------------------ tables

COLUMNS = (Column("genre", 9), Column("p", 5, right=True), Column("file"))


def test_rows_are_aligned_and_written_as_they_come() -> None:
    out = io.StringIO()
    rows = Table(COLUMNS, out)
    rows.row(("rock", "0.91", "a very long name that nothing follows.mp3"))
    assert out.getvalue() == (
        "genre          p  file\nrock        0.91  a very long name that nothing follows.mp3\n"
    )
    rows.row(("classical", "1.00", ""))
    rows.note("    and more")
    assert out.getvalue().splitlines()[2:] == ["classical   1.00", "    and more"]


def test_wide_and_combining_characters_keep_the_columns() -> None:
    out = io.StringIO()
    rows = Table(COLUMNS, out)
    for genre in ("演歌", "e\u0301te\u0301", "plain"):
        rows.row((genre, "0.5", "f"))
    lines = out.getvalue().splitlines()[1:]
    assert lines == [
        "演歌         0.5  f",  # two characters, four columns
        "e\u0301te\u0301          0.5  f",  # five code points, three columns
        "plain        0.5  f",
    ]


def test_cells_cannot_break_a_table() -> None:
    out = io.StringIO()
    Table(COLUMNS, out).row(("rock", "0.5", "a\nb\x1b[2J.mp3"))
    assert out.getvalue().splitlines()[1] == "rock         0.5  a\\nb\\x1b[2J.mp3"


def test_colours_do_not_count_as_width() -> None:
    out = Terminal()
    Table(COLUMNS, out).row(("rock", "0.5", "f"), bold=True)
    assert out.getvalue().splitlines()[1] == "\x1b[1mrock\x1b[0m         0.5  f"


def test_a_whole_table_is_as_wide_as_its_cells(capsys: pytest.CaptureFixture[str]) -> None:
    table(["name", "n", "licence"], [["small", "3", "x"], ["longer-name", "12", "yz"]], right=[1])
    assert capsys.readouterr().out == (
        "name          n  licence\nsmall         3  x\nlonger-name  12  yz\n"
    )


# ------------------------------------------------------------------ JSON and CSV


def test_numbers_are_plain() -> None:
    value = {"a": (0.1234567891234, float("nan")), "b": [float("inf"), 3, True, None], "c": "x"}
    assert plain_numbers(value) == {"a": [0.123456789, None], "b": [None, 3, True, None], "c": "x"}


def test_json_is_readable_and_strict() -> None:
    assert json_text({"ü": float("-inf")}) == '{"ü": null}'


@given(st.lists(st.dictionaries(st.text(), st.floats(-1, 1) | st.text() | st.none(), max_size=3)))
def test_an_array_is_one_document_and_lines_are_many(records: list[dict[str, Any]]) -> None:
    array, lines = io.StringIO(), io.StringIO()
    for form in (JsonArray(array), JsonLines(lines)):
        for record in records:
            form.write(record)
        form.close()
    assert json.loads(array.getvalue()) == plain_numbers(records)
    split = lines.getvalue().split("\n")
    assert split.pop() == ""
    assert [json.loads(line) for line in split] == plain_numbers(records)


def test_a_name_that_is_no_utf8_keeps_its_bytes_in_json() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace")
    JsonLines(out).write({"path": os.fsdecode(b"\xff\xfe \xc3\xa9.mp3")})
    assert os.fsencode(json.loads(raw.getvalue())["path"]) == b"\xff\xfe \xc3\xa9.mp3"


def test_csv_quotes_what_needs_it_and_ignores_what_has_no_column() -> None:
    out = io.StringIO()
    form = Csv(["path", "p", "genre"], out)
    form.write({"path": 'a,"b"\nc.mp3', "p": 0.25, "genre": None, "other": 1})
    form.write({"path": "d.mp3"})
    form.close()
    rows = list(csv.reader(io.StringIO(out.getvalue())))
    assert rows == [["path", "p", "genre"], ['a,"b"\nc.mp3', "0.25", ""], ["d.mp3", "", ""]]


# ------------------------------------------------------------------ messages and progress


def test_a_message_is_one_clean_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\nb.mp3: \udcff no\x1b[2J", fg="red")
    found = capsys.readouterr()
    assert (found.out, found.err) == ("", "a\\nb.mp3: \\xff no\\x1b[2J\n")


def test_a_message_on_a_narrow_terminal_still_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii", errors="strict"))
    say("日本.mp3: no")
    assert raw.getvalue() == b"\\u65e5\\u672c.mp3: no\n"


def test_progress_says_how_long_it_takes() -> None:
    line = Progress("files", 40).text
    assert line(10, 5.0) == "10 of 40 files (25%) · 15 s left · 2.0 a second"
    assert line(40, 20.0) == "40 of 40 files (100%) · 2.0 a second"
    assert line(2, 20.0, "x\ny") == "2 of 40 files (5%) · 6:20 left · 10.0 s each · x\\ny"
    assert line(0, 0.0) == "0 of 40 files (0%)"
    assert Progress("files").text(3, 1.5) == "3 files · 2.0 a second"


def test_progress_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("files", 3) as progress:
        progress.update(3)
    assert capsys.readouterr() == ("", "")


def test_progress_stays_on_its_line_and_gives_way_to_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress("files", 2) as progress:
        progress.update(1, "x" * 200)
        progress.update(1, "too soon to be drawn")
        first = screen.getvalue()
        say("b.mp3: broken")
        progress.update(2)
    drawn = screen.getvalue()
    assert first.startswith("\r1 of 2 files")
    assert len(first) == 60  # the return and 59 columns
    assert "too soon" not in drawn
    assert drawn[60:].startswith("\r" + " " * 59 + "\rb.mp3: broken\n\r2 of 2 files (100%)")
    assert drawn.endswith(" \r")
    assert Progress.shown is None


def test_a_shorter_line_covers_the_longer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(Progress, "EVERY", 0.0)
    progress = Progress("files")
    progress.update(1, "a long remark")
    long = len(screen.getvalue())
    progress.update(2)
    assert len(screen.getvalue()) == 2 * long


def test_progress_may_be_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress("files", 2, hidden=True) as progress:
        progress.update(2)
    assert screen.getvalue() == ""


def test_standard_output_takes_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    out = output.ready_stdout()
    out.write("日\udcff\n")
    out.flush()
    assert raw.getvalue() == "日".encode() + b"\\udcff\n"
