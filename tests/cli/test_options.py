"""How times, amounts and numbers of windows are written."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.cli.options import seconds, size, windows


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90", 90.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1:30", 90.0),
        ("1:02:03.5", 3723.5),
        ("0:00", 0.0),
        (7.25, 7.25),
        (3, 3.0),
    ],
)
def test_seconds(text: str | float, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "-1", "1:2:3:4", "1:", "nan", "inf", "1e3", "٣"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a time"):
        seconds(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_clock_times_are_read(h: int, m: int, s: int) -> None:
    assert seconds(f"{h}:{m:02d}:{s:02d}") == h * 3600 + m * 60 + s


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("512", 512 * 2**20),
        ("512M", 512 * 2**20),
        ("2G", 2 * 2**30),
        ("1.5 GiB", 3 * 2**29),
        ("100k", 100 * 2**10),
        ("2gb", 2 * 2**30),
        ("0", 0),
        (77, 77),
    ],
)
def test_size(text: str | int, value: int) -> None:
    assert size(text) == value


@pytest.mark.parametrize("text", ["", "lots", "-1", "2X", "1,5G", "G", "٣G"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected an amount of memory"):
        size(text)


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("010", 10), (7, 7), ("all", None)])
def test_windows(text: str | int, value: int | None) -> None:
    assert windows(text) == value


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "All", "", "1e3", "٣"])
def test_what_is_no_number_of_windows(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a number of windows from 1 on, or all"):
        windows(text)
