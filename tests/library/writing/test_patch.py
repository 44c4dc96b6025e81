"""Splices, and the way back from what they make."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.library.patch import (
    BLOCK,
    Digest,
    Splice,
    apply_patch,
    digest,
    make_patch,
    ordered,
    rebuilt,
    replaced,
    spliced,
)


@st.composite
def edits(draw: st.DrawFn) -> tuple[bytes, tuple[Splice, ...]]:
    """A file and splices of it."""
    data = draw(st.binary(max_size=200))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    return data, tuple(Splice(a, b, draw(st.binary(max_size=40))) for a, b in pairs)


def plainly(data: bytes, splices: tuple[Splice, ...]) -> bytes:
    for splice in reversed(splices):
        data = data[: splice.start] + splice.data + data[splice.stop :]
    return data


@given(edits())
def test_splices_make_the_new_bytes(edit: tuple[bytes, tuple[Splice, ...]]) -> None:
    data, splices = edit
    new = plainly(data, splices)
    assert b"".join(spliced(io.BytesIO(data), splices)) == new
    assert replaced(data, splices) == new
    assert len(new) - len(data) == sum(s.growth for s in splices)


@given(edits())
def test_a_patch_leads_back(edit: tuple[bytes, tuple[Splice, ...]]) -> None:
    data, splices = edit
    patch = make_patch(io.BytesIO(data), splices)
    assert b"".join(apply_patch(io.BytesIO(plainly(data, splices)), patch)) == data


@given(edits(), st.integers(0, 3))
def test_order_and_place(edit: tuple[bytes, tuple[Splice, ...]], by: int) -> None:
    _, splices = edit
    assert ordered(reversed(splices)) == tuple(
        sorted(splices, key=lambda s: (s.start, s.stop))
    ) or len({(s.start, s.stop) for s in splices}) < len(splices)
    moved = [s.moved(by) for s in splices]
    assert [(s.start - by, s.stop - by, s.data) for s in moved] == [
        (s.start, s.stop, s.data) for s in splices
    ]


@given(st.binary(max_size=80), st.lists(st.tuples(st.integers(0, 80), st.integers(0, 20))))
def test_what_is_put_together_anew(data: bytes, spans: list[tuple[int, int]]) -> None:
    """Pieces from anywhere, in any order, between bytes that are new."""
    parts: list[tuple[int | None, bytes]] = [(None, b"new")]
    for start, length in spans:
        piece = data[start : start + length]
        parts += [(min(start, len(data)), piece), (None, b"-")]
    splices = rebuilt(0, len(data), parts)
    assert replaced(data, ordered(splices)) == b"".join(piece for _, piece in parts)


def test_what_stays_is_not_in_the_patch() -> None:
    data = bytes(range(256)) * 40_000
    splices = rebuilt(
        0, len(data), [(0, data[:5_000_000]), (None, b"x"), (5_000_000, data[5_000_000:])]
    )
    assert splices == [Splice(5_000_000, 5_000_000, b"x")]
    assert len(make_patch(io.BytesIO(data), splices)) < 40


def test_two_changes_of_one_byte_are_refused() -> None:
    with pytest.raises(ValueError, match="two changes of byte 4"):
        ordered([Splice(2, 5, b""), Splice(4, 6, b"")])
    assert [s.data for s in ordered([Splice(4, 6, b"b"), Splice(4, 4, b"a")])] == [b"a", b"b"]


def test_long_files_come_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(3 * BLOCK + 5))
    splices = (Splice(1, 2, b"a"), Splice(2 * BLOCK, 2 * BLOCK + 1, b"b"))
    with path.open("rb") as file:
        blocks = list(spliced(file, splices))
        patch = make_patch(file, splices)
    assert max(map(len, blocks)) == BLOCK
    new = b"".join(blocks)
    assert (len(new), new[1:2], new[2 * BLOCK : 2 * BLOCK + 1]) == (3 * BLOCK + 5, b"a", b"b")
    assert b"".join(apply_patch(io.BytesIO(new), patch)) == path.read_bytes()


@pytest.mark.parametrize("splice", [Splice(9, 9, b""), Splice(3, 9, b"x")])
def test_a_file_that_is_too_short(splice: Splice) -> None:
    with pytest.raises(ValueError, match=r"the file ends (\d bytes early|before byte 9)"):
        list(spliced(io.BytesIO(b"short"), (splice,)))


@pytest.mark.parametrize("patch", [b"", b"gwp1", b"gwp1junk", b"PK\3\4"])
def test_what_is_no_patch(patch: bytes) -> None:
    with pytest.raises(ValueError, match="no patch"):
        list(apply_patch(io.BytesIO(b"new"), patch))


def test_digest() -> None:
    """The first is FIPS 180's own example."""
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest([b"a", b"", b"bc"]) == Digest(abc, 3)
    assert digest([]).size == 0
