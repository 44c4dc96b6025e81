"""WAV, AIFF, DSDIFF and DSF: a chunk that holds an ID3v2 tag."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from pathlib import Path

import mutagen.aiff
import mutagen.dsdiff
import mutagen.dsf
import mutagen.wave
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.library.audio_hash import audio_hash, stream_hash
from genrewise.library.containers import chunks, dsf
from genrewise.library.containers.base import Edit, Unsafe, Wish
from genrewise.library.containers.kinds import kind_of
from genrewise.library.patch import apply_patch, make_patch, spliced

from .conftest import Song, id3_tag

JAZZ = Wish("genre", ("Jazz",))
GENRE = b"TCON\0\0\0\5\0\0\0Jazz"


def change(data: bytes, wish: Wish) -> Edit:
    kind = kind_of(io.BytesIO(data))
    assert kind is not None
    return kind.change(io.BytesIO(data), wish)


def edited(data: bytes, wish: Wish = JAZZ) -> bytes:
    splices = change(data, wish).splices
    new = b"".join(spliced(io.BytesIO(data), splices))
    patch = make_patch(io.BytesIO(data), splices)
    assert b"".join(apply_patch(io.BytesIO(new), patch)) == data
    assert stream_hash(io.BytesIO(new)) == stream_hash(io.BytesIO(data))
    return new


def form(head: bytes, kind: bytes, parts: Iterable[tuple[bytes, bytes]], number: str) -> bytes:
    body = kind
    for name, data in parts:
        body += name + struct.pack(number, len(data)) + data + bytes(len(data) % 2)
    return head + struct.pack(number, len(body)) + body


FMT = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
COMM = struct.pack(">HIH", 1, 50, 16) + b"\x40\x0b\xfa\0\0\0\0\0\0\0"


def wav(*more: tuple[bytes, bytes], sound: bytes = bytes(101)) -> bytes:
    return form(b"RIFF", b"WAVE", [(b"fmt ", FMT), (b"data", sound), *more], "<I")


def aiff(*more: tuple[bytes, bytes]) -> bytes:
    sound = bytes(8) + bytes(range(100))
    return form(b"FORM", b"AIFF", [(b"COMM", COMM), (b"SSND", sound), *more], ">I")


def parts(data: bytes) -> list[tuple[bytes, bytes]]:
    """Chunks of a form whose lengths are right."""
    number = "<I" if data.startswith(b"RIFF") else ">I"
    assert struct.unpack(number, data[4:8])[0] == len(data) - 8
    found, place = [], 12
    while place < len(data):
        (length,) = struct.unpack_from(number, data, place + 4)
        found.append((data[place : place + 4], data[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    assert place == len(data)
    return found


# ------------------------------------------------------------------ chunks


@pytest.mark.parametrize("make", [wav, aiff])
def test_a_new_chunk_goes_to_the_end(make: object) -> None:
    assert callable(make)
    data = make()
    new = parts(edited(data))
    assert new[:-1] == parts(data)
    name, tag = new[-1]
    assert name == (b"id3 " if make is wav else b"ID3 ")
    assert tag.startswith(id3_tag(3, GENRE))
    assert len(tag) % 2 == 0


@given(
    st.integers(0, 9),
    st.integers(1, 12),
    st.booleans(),
    st.binary(max_size=5),
    st.sampled_from([wav, aiff]),
)
@settings(max_examples=80)
def test_lengths_are_even_and_right(
    padding: int, length: int, last: bool, other: bytes, make: object
) -> None:
    assert callable(make)
    tag = (b"ID3 ", id3_tag(3, b"TCON\0\0\0\4\0\0\0Pop", padding))
    more = (b"junk", other)
    data = make(*((more, tag) if last else (tag, more)))
    new = parts(edited(data, Wish("genre", ("x" * length,))))
    assert [p for p in new if p[0] != b"ID3 "] == [p for p in parts(data) if p[0] != b"ID3 "]
    held = dict(new)[b"ID3 "]
    assert held.rstrip(b"\0").endswith(b"\0" + b"x" * length)
    assert held[6:10] == bytes((0, 0, 0, len(held) - 10))


def test_a_last_even_byte_that_was_left_out() -> None:
    data = wav()[:-1]
    assert parts(edited(data))[:-1] == parts(wav())
    odd = id3_tag(3, b"TCON\0\0\0\3\0\0\0Po")
    assert len(odd) % 2 == 1
    data = wav((b"id3 ", odd))[:-1]
    assert edited(data).endswith(b"id3 \x19\0\0\0" + id3_tag(3, GENRE))
    assert dict(parts(edited(data, Wish("genre", ("Jazzy",)))))[b"id3 "].endswith(b"Jazzy")


def test_a_form_that_counts_its_own_head() -> None:
    """A common fault of programs that write WAV."""
    data = wav()
    wrong = data[:4] + struct.pack("<I", len(data)) + data[8:]
    assert edited(wrong) == edited(data)


def test_real_files_play_as_before(song: Song) -> None:
    for name, kind in (("wav.wav", mutagen.wave.WAVE), ("aiff.aiff", mutagen.aiff.AIFF)):
        path = song(name)
        y, _ = soundfile.read(path)
        path.write_bytes(edited(path.read_bytes(), Wish("genre", ("Jazz", "Ärger"))))
        assert np.array_equal(soundfile.read(path)[0], y)
        assert kind(path)["TCON"].genres == ["Jazz", "Ärger"]


def test_list_info_is_kept_in_step() -> None:
    texts = b"INFO" + b"".join(
        name + struct.pack("<I", len(text)) + text + bytes(len(text) % 2)
        for name, text in ((b"IART", b"Us\0"), (b"IGNR", b"Pop\0"), (b"INAM", b"It\0"))
    )
    data = wav((b"LIST", texts), (b"LIST", b"adtlIGNR"))
    assert chunks.info(io.BytesIO(data)) == {"TPE1": "Us", "TCON": "Pop", "TIT2": "It"}
    new = edited(data, Wish("genre", ("A", "Ärger")))
    assert chunks.info(io.BytesIO(new)) == {"TPE1": "Us", "TCON": "A; Ärger", "TIT2": "It"}
    assert [name for name, _ in parts(new)] == [b"fmt ", b"data", b"LIST", b"LIST", b"id3 "]
    gone = edited(data, Wish("genre", ()))
    assert chunks.info(io.BytesIO(gone)) == {"TPE1": "Us", "TIT2": "It"}
    assert [name for name, _ in parts(gone)] == [b"fmt ", b"data", b"LIST", b"LIST"]
    assert change(new, Wish("genre", ("A", "Ärger"))).splices == ()
    latin = data.replace(b"Pop\0", b"P\xf6p\0")
    assert chunks.info(io.BytesIO(latin))["TCON"] == "Pöp"
    # Another field than the genre leaves it alone.
    assert chunks.info(io.BytesIO(edited(data, Wish("grouping", ("A",)))))["TCON"] == "Pop"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (wav() + b"more", "something follows behind its end"),
        (wav()[:-4], "its chunk 'data' is longer than the file"),
        (wav((b"ID3 ", b"no tag")), "its ID3 tag is damaged"),
        (wav((b"ID3 ", id3_tag(3, GENRE)[:-1])), "its ID3 tag is damaged"),
        (wav((b"id3 ", id3_tag(3, b"")), (b"ID3 ", id3_tag(3, b""))), "it has several ID3 tags"),
        (form(b"RIFF", b"WAVE", [], "<I"), "it has something else than chunks"),
        (wav()[:4] + struct.pack("<I", len(wav()) - 5) + wav()[8:] + b"abc", "else than chunks"),
        (b"RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\xff" + bytes(50), "longer than the file"),
        (b"RIFF\0\0", ""),
    ],
)  # fmt: skip
def test_what_is_refused(data: bytes, why: str) -> None:
    if not why:
        assert kind_of(io.BytesIO(data)) is None
        return
    with pytest.raises(Unsafe, match=why):
        change(data, JAZZ)


def test_lengths_that_no_form_can_have() -> None:
    assert chunks._packed(chunks.WAV, (1 << 32) - 1) == b"\xff" * 4
    with pytest.raises(Unsafe, match="it is too long for more tags"):
        chunks._packed(chunks.WAV, 1 << 32)


def test_sound_that_is_cut_off_ends_with_the_file(tmp_path: Path) -> None:
    whole, cut = tmp_path / "a.wav", tmp_path / "b.wav"
    whole.write_bytes(wav(sound=b"sound" * 9))
    cut.write_bytes(whole.read_bytes()[:-20])
    assert audio_hash(whole) != audio_hash(cut)
    with cut.open("rb") as file:
        assert stream_hash(file) == audio_hash(cut)


# ------------------------------------------------------------------ DSD


def dsdiff(*more: tuple[bytes, bytes]) -> bytes:
    property_ = b"SND FS  " + struct.pack(">QI", 4, 2_822_400)
    property_ += b"CHNL" + struct.pack(">Q", 6) + b"\0\1C   "
    property_ += b"CMPR" + struct.pack(">Q", 20) + b"DSD \x0enot compressed\0"
    held = [(b"FVER", b"\1\5\0\0"), (b"PROP", property_), (b"DSD ", bytes(64)), *more]
    return form(b"FRM8", b"DSD ", held, ">Q")


def dsf_file(tag: bytes = b"") -> bytes:
    fmt = b"fmt " + struct.pack("<QIIIIIIQII", 52, 1, 0, 1, 1, 2_822_400, 1, 512, 4096, 0)
    sound = b"data" + struct.pack("<Q", 12 + 64) + bytes(64)
    size = 28 + len(fmt) + len(sound)
    pointer = size if tag else 0
    return b"DSD " + struct.pack("<QQQ", 28, size + len(tag), pointer) + fmt + sound + tag


def test_dsdiff(tmp_path: Path) -> None:
    path = tmp_path / "x.dff"
    for data in (dsdiff(), dsdiff((b"ID3 ", id3_tag(3, b"TCON\0\0\0\4\0\0\0Pop", 3)))):
        path.write_bytes(edited(data))
        assert mutagen.dsdiff.DSDIFF(path)["TCON"].genres == ["Jazz"]


@pytest.mark.parametrize("tag", [b"", id3_tag(4, b"TCON\0\0\0\4\0\0\0Pop", 3)])
def test_dsf(tmp_path: Path, tag: bytes) -> None:
    path = tmp_path / "x.dsf"
    data = dsf_file(tag)
    for wish in (JAZZ, Wish("genre", ("A longer genre",))):
        path.write_bytes(edited(data, wish))
        assert mutagen.dsf.DSF(path)["TCON"].genres == list(wish.values)
        assert struct.unpack_from("<Q", path.read_bytes(), 12)[0] == path.stat().st_size
    assert dsf.change(io.BytesIO(dsf_file()), Wish("genre", ())).splices == ()


def test_dsf_that_is_refused() -> None:
    with pytest.raises(Unsafe, match="it is not as long as it says"):
        dsf.change(io.BytesIO(dsf_file() + b"x"), JAZZ)
    with pytest.raises(Unsafe, match="its ID3 tag is damaged"):
        dsf.change(io.BytesIO(dsf_file(b"no tag at all")), JAZZ)
