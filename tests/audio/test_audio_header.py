"""Lengths that headers state, on bytes made for it."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from genrewise.audio_header import bytes_left, cut_ogg_page, mp3_counts_frames, stated_ratio
from genrewise.audio_open import open_source

FRAME = b"\xff\xfb\x90\x00"


def tag(size: int, footer: bool = False) -> bytes:
    """An ID3v2.4 tag of `size` bytes beside its header."""
    seven = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    end = b"3DI\x04\x00\x10" + seven if footer else b""
    return b"ID3\x04\x00" + (b"\x10" if footer else b"\x00") + seven + bytes(size) + end


def xing(name: bytes = b"Xing", flags: int = 15, gap: int = 32) -> bytes:
    return FRAME + bytes(gap) + name + struct.pack(">I", flags) + bytes(400)


def page(granule: int, sizes: bytes, data: bytes) -> bytes:
    return b"OggS\0\0" + struct.pack("<qIII", granule, 1, 2, 0) + bytes([len(sizes)]) + sizes + data


@pytest.mark.parametrize(
    ("data", "counts"),
    [
        (xing(), True),
        (xing(b"Info"), True),
        (xing(b"Info", gap=17), True),
        (xing(gap=9), True),
        (xing(flags=14), False),
        (FRAME + bytes(32) + b"VBRI" + bytes(100), True),
        (FRAME + bytes(2000), False),
        (FRAME + bytes(1500) + b"Xing" + bytes(9), False),
        (tag(10) + xing(), True),
        (tag(70_000) + xing(), True),
        (tag(50, footer=True) + xing(), True),
        (tag(50) + tag(9000) + xing(b"Info"), True),
        (tag(50) + bytes(300) + xing(), True),
        (tag(50), False),
        (b"ID3", False),
        (b"no sync here" * 50, False),
    ],
)
def test_whether_an_mp3_counts_its_frames(data: bytes, counts: bool) -> None:
    with open_source(data) as handle:
        assert mp3_counts_frames(handle) is counts


@given(st.binary(min_size=1, max_size=300))
def test_headers_of_any_bytes(data: bytes) -> None:
    for lead in (b"", b"ID3\x03\x00\x00", b"OggS", FRAME):
        with open_source(lead + data) as handle:
            assert mp3_counts_frames(handle) in (True, False)
            at = cut_ogg_page(handle)
            assert at is None or isinstance(at, int)


def test_an_ogg_file_that_ends_within_a_page() -> None:
    first, last = page(1_000, b"\x05\x06", bytes(11)), page(2_000, b"\xff\x10", bytes(271))
    for end, expected in (
        (0, None),
        (1, 2_000),
        (271, 2_000),
        (272, -1),  # within the table of sizes
        (280, -1),  # within the header
        (len(last), None),
    ):
        data = (first + last)[: len(first + last) - end]
        with open_source(data) as handle:
            assert cut_ogg_page(handle) == expected, end


def test_a_page_longer_than_what_is_read_at_the_end() -> None:
    last = page(7, b"\xff" * 255, bytes(255 * 255))
    with open_source(bytes(100_000) + last) as handle:
        assert cut_ogg_page(handle) is None
    with open_source(bytes(100_000) + last[:-1]) as handle:
        assert cut_ogg_page(handle) == 7


def test_no_ogg_page_at_all() -> None:
    with open_source(b"OggX" * 30) as handle:
        assert cut_ogg_page(handle) is None


@pytest.mark.parametrize(
    ("log", "ratio"),
    [
        ("", 1.0),
        ("data : 2000", 1.0),
        ("RIFF : 2036 (should be 992)\ndata : 2000 (should be 1000)", 2.0),
        ("  Data Size   : 3000 (should be 1000)\n", 3.0),
        (" SSND : 264608 (should be 132304)", 2.0),
        ("data : 4294967295 (should be 1000)", 1.0),
        ("data : 0 (should be 1000)", 1.0),
        ("data : 1000 (should be 0)", 1.0),
        ("data : 1000 (should be 2000)", 1.0),
        ("*** Calculated frame count 500 does not match value from 'ds64' chunk of 1000.", 2.0),
    ],
)
def test_the_log_of_a_header(log: str, ratio: float) -> None:
    assert stated_ratio(log) == ratio


@pytest.mark.parametrize("form", ["WAV", "AIFF", "AU", "W64", "RF64"])
def test_the_log_that_libsndfile_writes(form: str) -> None:
    out = io.BytesIO()
    soundfile.write(out, np.zeros(50_000), 44_100, format=form, subtype="PCM_16")
    for share in (0.3, 0.8):
        with soundfile.SoundFile(io.BytesIO(out.getvalue()[: int(100_000 * share)])) as file:
            assert file.frames * stated_ratio(file.extra_info) == pytest.approx(50_000, rel=0.01)
    with soundfile.SoundFile(io.BytesIO(out.getvalue())) as file:
        assert stated_ratio(file.extra_info) == 1


@pytest.mark.parametrize(
    ("rest", "left"),
    [
        (b"", False),
        (bytes(100), False),
        (b"TAG" + bytes(125), False),
        (b"APETAGEX" + bytes(5000), False),
        (b"LYRICSBEGIN" + bytes(5000), False),
        (b"\xff\xfb" + bytes(5000), True),
        (tag(20) + bytes(5000), True),
    ],
)
def test_what_is_left_behind_the_sound(rest: bytes, left: bool) -> None:
    with open_source(bytes(2000) + rest) as handle:
        handle.seek(2000)
        assert bytes_left(handle) is left
        assert handle.tell() == 2000
