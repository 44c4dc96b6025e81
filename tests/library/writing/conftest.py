"""A song in every kind of file that can be made here, with tags that must stay."""

from __future__ import annotations

import base64
import os
import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import mutagen.aiff
import mutagen.apev2
import mutagen.asf
import mutagen.flac
import mutagen.id3
import mutagen.mp4
import mutagen.oggflac
import mutagen.oggopus
import mutagen.oggvorbis
import mutagen.wave
import mutagen.wavpack
import numpy as np
import pytest
import soundfile

from genrewise.library.database import open_database

#: Makes a copy of a song that may be written to; by the name of a kind.
Song = Callable[..., Path]

SR = 22_050

#: PyAV's codec and format for what soundfile does not write.
ENCODED = {
    "mp3": ("libmp3lame", "mp3"),
    "m4a": ("aac", "ipod"),
    "alac": ("alac", "ipod"),
    "opus": ("libopus", "opus"),
    "oggflac": ("flac", "ogg"),
    "wma": ("wmav2", "asf"),
    "wv": ("wavpack", "wv"),
    "tta": ("tta", "tta"),
}
SUFFIX = {"alac": ".m4a", "oggflac": ".oga", "vorbis": ".ogg"}
WRITTEN = {"flac": "FLAC", "vorbis": "OGG", "wav": "WAV", "aiff": "AIFF"}

PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 12


def tune(seconds: float = 1.0, sr: int = SR) -> Any:
    t = np.arange(round(seconds * sr)) / sr
    return (0.3 * np.sin(2 * np.pi * (220 + 90 * t) * t)).astype(np.float32)


def encode(path: Path, codec: str, format_: str, **options: str) -> None:
    """A second of music in a file of PyAV's, with two chapters where it can hold them."""
    rate = 48_000 if codec == "libopus" else 44_100
    with av.open(str(path), "w", format=format_, options=options) as container:
        stream: Any = container.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 64_000
        stream.codec_context.open()
        if format_ == "ipod":
            container.set_chapters([chapter(0, 500, "begin"), chapter(500, 1000, "end")])
        frame = av.AudioFrame.from_ndarray(tune(1.0, rate)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(stream.format, "mono", rate, stream.frame_size or 4096)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def chapter(start: int, end: int, title: str) -> Any:
    base = Fraction(1, 1000)
    return {
        "id": start,
        "start": start,
        "end": end,
        "time_base": base,
        "metadata": {"title": title},
    }


def make(folder: Path, kind: str) -> Path:
    """A song of a kind, without tags of ours."""
    path = folder / f"{kind}{SUFFIX.get(kind, '.' + kind)}"
    if kind in WRITTEN:
        soundfile.write(path, tune(), SR, format=WRITTEN[kind])
    else:
        encode(path, *ENCODED[kind])
    return path


# ------------------------------------------------------------------ tags


def id3_frames(version: int) -> bytes:
    """Frames of a song as raw bytes, none of them its genre; some that nobody knows."""

    def frame(name: bytes, body: bytes, flags: bytes = b"\0\0") -> bytes:
        n = len(body)
        size = bytes((n >> 21, n >> 14 & 127, n >> 7 & 127, n & 127))
        return name + (size if version == 4 else struct.pack(">I", n)) + flags + body

    wide = "Ärger 日本".encode("utf-16")
    return b"".join(
        (
            frame(b"TIT2", b"\1" + wide),
            frame(b"TPE1", b"\0The Artist"),
            frame(b"TPE2", b"\0The Album Artist"),
            frame(b"TALB", b"\0The Album"),
            frame(b"TYER" if version == 3 else b"TDRC", b"\x001999"),
            frame(b"TXXX", b"\0replaygain_track_gain\0-6.5 dB"),
            frame(b"COMM", b"\0deu\0a comment"),
            frame(b"COMM", b"\0engiTunNORM\0 00000A"),
            frame(b"PRIV", b"someone\0" + bytes(range(256))),
            frame(b"XYZW", b"nobody knows"),
            frame(b"APIC", b"\0image/jpeg\0\3\0" + PICTURE),
            frame(b"CHAP", b"one\0" + struct.pack(">4I", 0, 500, 0xFFFFFFFF, 0xFFFFFFFF)),
            frame(b"POPM", b"me@here\0\xff\0\0\0\7", b"\x40\0" if version == 3 else b"\x20\0"),
        )
    )


def id3_tag(version: int, frames: bytes, padding: int = 0, flags: int = 0) -> bytes:
    n = len(frames) + padding
    size = bytes((n >> 21, n >> 14 & 127, n >> 7 & 127, n & 127))
    return b"ID3" + bytes((version, 0, flags)) + size + frames + bytes(padding)


def id3_v22() -> bytes:
    def frame(name: bytes, body: bytes) -> bytes:
        return name + len(body).to_bytes(3, "big") + body

    return id3_tag(
        2,
        frame(b"TT2", b"\0A Title")
        + frame(b"TP1", b"\0The Artist")
        + frame(b"TYE", b"\x001999")
        + frame(b"COM", b"\0eng\0a comment")
        + frame(b"PIC", b"\0JPG\3\0" + PICTURE)
        + frame(b"TCO", b"\0(4)"),
        padding=100,
    )


def id3_v1(title: str = "A Title", genre: int = 4) -> bytes:
    def text(value: str, n: int) -> bytes:
        return value.encode("latin-1").ljust(n, b"\0")

    return (
        b"TAG" + text(title, 30) + text("The Artist", 30) + text("The Album", 30) + b"1999"
        + text("a comment", 28) + b"\0\5" + bytes((genre,))
    )  # fmt: skip


def ape_tag(**items: str) -> bytes:
    body = b""
    for key, text in items.items():
        value = text.encode()
        body += struct.pack("<II", len(value), 0) + key.encode() + b"\0" + value
    edge = b"APETAGEX" + struct.pack("<III", 2000, len(body) + 32, len(items))
    return edge + struct.pack("<IQ", 0xA0000000, 0) + body + edge + struct.pack("<IQ", 1 << 31, 0)


VORBIS = {
    "title": "Ärger 日本",
    "ARTIST": "The Artist",
    "Album": "The Album",
    "albumartist": "The Album Artist",
    "REPLAYGAIN_TRACK_GAIN": "-6.5 dB",
    "CHAPTER001": "00:00:00.000",
    "CHAPTER001NAME": "begin",
    "genre": "Old Genre",
}


def tag_vorbis(path: Path, tags: Any) -> None:
    song = tags(path)
    for key, value in VORBIS.items():
        song[key] = value
    picture = mutagen.flac.Picture()
    picture.data, picture.type, picture.mime = PICTURE, 3, "image/jpeg"
    if hasattr(song, "add_picture"):
        song.add_picture(picture)
    else:
        song["metadata_block_picture"] = base64.b64encode(picture.write()).decode("ascii")
    song.save()


def tag_mp4(path: Path) -> None:
    song = mutagen.mp4.MP4(path)
    song["\xa9nam"], song["\xa9ART"], song["\xa9alb"] = "Ärger 日本", "The Artist", "The Album"
    song["aART"], song["trkn"], song["cpil"] = "The Album Artist", [(3, 9)], True
    song["\xa9gen"], song["covr"] = "Old Genre", [mutagen.mp4.MP4Cover(PICTURE)]
    song["----:com.apple.iTunes:MOOD"] = [b"calm", b"late"]
    song.save()


def tag_asf(path: Path) -> None:
    song = mutagen.asf.ASF(path)
    song["Title"], song["Author"], song["WM/AlbumTitle"] = "Ärger 日本", "The Artist", "The Album"
    song["WM/Genre"], song["WM/TrackNumber"] = ["Old Genre"], 3
    song["WM/Picture"] = mutagen.asf.ASFByteArrayAttribute(b"\3" + PICTURE)
    song["WM/Mood"] = mutagen.asf.ASFUnicodeAttribute("calm", language=1)
    song.save()


def tag_chunks(song: Any) -> None:
    if song.tags is None:
        song.add_tags()
    song.tags.add(mutagen.id3.TIT2(encoding=1, text="Ärger 日本"))
    song.tags.add(mutagen.id3.TPE1(encoding=0, text="The Artist"))
    song.tags.add(mutagen.id3.TCON(encoding=0, text="Old Genre"))
    song.tags.add(mutagen.id3.APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=PICTURE))
    song.save()


def with_info(data: bytes) -> bytes:
    """A WAV file with ``LIST INFO``."""
    body = b"INFO"
    for name, text in (b"IART", b"The Artist\0\0"), (b"IGNR", b"Blues\0"), (b"INAM", b"A Title\0"):
        body += name + struct.pack("<I", len(text)) + text
    whole = data[8:] + b"LIST" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


def _mp3s(plain: bytes) -> dict[str, bytes]:
    """MP3 files by the tags that they have."""
    genre3 = b"TCON\0\0\0\6\0\0\0(17)B"
    genre4 = b"TCON\0\0\0\x0b\0\0\x03Rock\0Blues"
    ape = ape_tag(Title="A Title", Artist="The Artist", Genre="Old Genre", Mood="calm\0late")
    v23 = id3_tag(3, id3_frames(3) + genre3, 64)
    return {
        "none.mp3": plain,
        "v23.mp3": v23 + plain,
        "v24.mp3": id3_tag(4, genre4 + id3_frames(4), 0) + plain,
        "v22.mp3": id3_v22() + plain,
        "v1.mp3": plain + id3_v1(),
        "ape.mp3": plain + ape,
        "gain.mp3": plain + ape_tag(REPLAYGAIN_TRACK_GAIN="-6.5 dB"),
        "all.mp3": v23 + plain + ape + id3_v1(),
    }


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each kind by its name; not to be written to."""
    folder = tmp_path_factory.mktemp("songs")
    made = {kind: make(folder, kind) for kind in (*ENCODED, *WRITTEN)}
    mutagen.id3.delete(made["mp3"])  # PyAV's own
    found = {}
    for name, data in _mp3s(made.pop("mp3").read_bytes()).items():
        found[name] = folder / name
        found[name].write_bytes(data)
    made["info.wav"] = folder / "info.wav"
    made["info.wav"].write_bytes(with_info(made["wav"].read_bytes()))
    for kind, tags in (
        ("flac", mutagen.flac.FLAC),
        ("vorbis", mutagen.oggvorbis.OggVorbis),
        ("opus", mutagen.oggopus.OggOpus),
        ("oggflac", mutagen.oggflac.OggFLAC),
    ):
        tag_vorbis(made[kind], tags)
    tag_mp4(made["m4a"])
    tag_mp4(made["alac"])
    tag_asf(made["wma"])
    tag_chunks(mutagen.wave.WAVE(made["wav"]))
    tag_chunks(mutagen.aiff.AIFF(made["aiff"]))
    made["wv"].write_bytes(made["wv"].read_bytes() + ape_tag(Title="A Title", Genre="Old Genre"))
    made["tta"].write_bytes(id3_tag(3, id3_frames(3)) + made["tta"].read_bytes())
    return found | {path.name: path for path in made.values()}


#: Names of the originals.
SONGS = (
    *("none.mp3", "v23.mp3", "v24.mp3", "v22.mp3", "v1.mp3", "ape.mp3", "gain.mp3", "all.mp3"),
    *("flac.flac", "vorbis.ogg", "opus.opus", "oggflac.oga", "m4a.m4a", "alac.m4a", "wma.wma"),
    *("wv.wv", "tta.tta", "wav.wav", "info.wav", "aiff.aiff"),
)


@pytest.fixture(params=SONGS)
def original(request: pytest.FixtureRequest, originals: dict[str, Path]) -> Path:
    """Every one of them in turn."""
    return originals[request.param]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder whose files are in memory, where there is such a place: waiting takes the time."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="genrewise-test-", dir=place) as folder:
        yield Path(folder)


@pytest.fixture
def song(tmp_path: Path, originals: dict[str, Path]) -> Song:
    """A function that copies one of them to a place where it may be written to."""

    def copy(name: str, to: str = "") -> Path:
        path = tmp_path / (to or name)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(originals[name], path)
        return path

    return copy


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    folder = tmp_path / "library"
    with closing(open_database(folder / "library.sqlite3")) as connection:
        yield connection
