"""A music library to measure with: real music cut and encoded anew, tagged in many ways.

Every file is another recording to the program, but for a few exact copies; some are damaged.
Monkey's Audio, Musepack, TAK, OptimFROG, Speex and DSD are missing: nothing here encodes them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Suffix, encoder (none: libsndfile's), container, rate in Hz, and how its tags are written.
KINDS: tuple[tuple[str, str, str, int, str], ...] = (
    ("mp3", "", "MP3", 22050, "id3 3"),
    ("mp3", "", "MP3", 44100, "id3 4"),
    ("mp3", "", "MP3", 22050, "none"),
    ("flac", "", "FLAC", 22050, "vorbis"),
    ("ogg", "", "OGG", 22050, "vorbis"),
    ("opus", "libopus", "ogg", 48000, "vorbis"),
    ("m4a", "aac", "ipod", 44100, "mp4"),
    ("m4a", "alac", "ipod", 22050, "mp4"),
    ("wma", "wmav2", "asf", 44100, "asf"),
    ("wav", "", "WAV", 22050, "id3 3"),
    ("aiff", "", "AIFF", 22050, "id3 4"),
    ("wv", "wavpack", "wv", 22050, "ape"),
    ("tta", "tta", "tta", 22050, "id3 3"),
    ("mp3", "", "MP3", 22050, "ape"),
)

#: Shares of files that are damaged, and that are copies of another under other tags.
DAMAGED, COPIES = 0.02, 0.03
#: Seconds of music in a file, at least and at most.
SHORT, LONG = 6.0, 14.0
#: Songs of an album.
ALBUM = 10

GENRES = ("Jazz", "Hip-Hop", "(17)", "Électronique", "Drum & Bass", "Rock; Pop")
NAMES = ("Ann Söderström", "The Long Way Home", "李雪", "Bo", "Сергей", "O'Neill & Sons")


@dataclass(frozen=True)
class Plan:
    """One file to be made.

    Parameters
    ----------
    path : str
    source : str
        The music it is cut from; empty for synthetic music.
    kind : int
        Place in `KINDS`.
    seed : int
    damage : str
        One of `DAMAGES`; empty for none.
    copies : str
        The file that it is a copy of; empty for none.
    """

    path: str
    source: str
    kind: int
    seed: int
    damage: str = ""
    copies: str = ""


def _truncate(data: bytes) -> bytes:
    return data[: len(data) // 3]


def _overwrite(data: bytes) -> bytes:
    third = len(data) // 3
    return data[:third] + bytes(third) + data[2 * third :]


def _behead(data: bytes) -> bytes:
    return os.urandom(600) + data[600:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": _truncate,
    "overwritten": _overwrite,
    "headless": _behead,
    "empty": lambda _: b"",
    "text": lambda data: b"no music\n" * (len(data) // 90),
}


def plans(folder: Path, count: int, sources: Sequence[Path]) -> list[Plan]:
    """What files there shall be; the same for the same arguments."""
    rng = np.random.default_rng(count)
    made: list[Plan] = []
    for i in range(count):
        place = folder / f"Artist {i // ALBUM % 97:02}" / f"Album {i // ALBUM:04}"
        copied = made[int(rng.integers(len(made)))] if i and rng.random() < COPIES else None
        copied = copied if copied and not (copied.damage or copied.copies) else None
        kind = copied.kind if copied else i % len(KINDS)
        source = str(sources[int(rng.integers(len(sources)))]) if sources else ""
        source = copied.source if copied else source
        damage = ""
        if not copied and rng.random() < DAMAGED:
            damage = list(DAMAGES)[int(rng.integers(len(DAMAGES)))]
        path = place / f"{i % ALBUM:02} Sång {i}.{KINDS[kind][0]}"
        made.append(Plan(str(path), source, kind, i, damage, copied.path if copied else ""))
    return made


def cut(plan: Plan) -> tuple[NDArray[np.float32], int]:
    """Mono samples of some seconds from somewhere in the source, and their rate."""
    import soundfile

    rng = np.random.default_rng(plan.seed)
    seconds = float(rng.uniform(SHORT, LONG))
    if not plan.source:
        from common import music

        return music(seconds, plan.seed)[:, 0], 44100
    with soundfile.SoundFile(plan.source) as file:
        n = min(len(file), round(seconds * file.samplerate))
        file.seek(int(rng.integers(len(file) - n + 1)))
        y = file.read(n, dtype="float32", always_2d=True).mean(axis=1)
        return np.asarray(y * rng.uniform(0.7, 1.0), dtype=np.float32), file.samplerate


def encode(path: Path, y: NDArray[np.float32], sr: int, plan: Plan) -> None:
    """Write samples as the kind of file that is planned."""
    import soundfile

    from genrewise.audio import resample

    _, codec, container, rate, _ = KINDS[plan.kind]
    y = np.clip(resample(y, sr, rate), -1.0, 1.0)
    if not codec:
        soundfile.write(path, y, rate, format=container)
        return
    import av

    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 64_000
        samples = (y * 32767).astype(np.int16)[None, :]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)


def fields(plan: Plan) -> dict[str, str]:
    """What the tags say: one file in ten has none, one in three a genre."""
    rng = np.random.default_rng(plan.seed + 1)
    if rng.random() < 0.1:
        return {}
    album = Path(plan.path).parent.name
    about = {
        "artist": NAMES[plan.seed // ALBUM % len(NAMES)],
        "album": album,
        "title": f"Sång {plan.seed}" + " and on" * int(rng.integers(30)),
    }
    if rng.random() < 1 / 3:
        about["genre"] = GENRES[int(rng.integers(len(GENRES)))]
    return about


_ID3 = {"artist": "TPE1", "album": "TALB", "title": "TIT2", "genre": "TCON"}
_MP4 = {"artist": "\xa9ART", "album": "\xa9alb", "title": "\xa9nam", "genre": "\xa9gen"}
_ASF = {"artist": "Author", "album": "WM/AlbumTitle", "title": "Title", "genre": "WM/Genre"}


def write_tags(path: Path, how: str, about: dict[str, str], picture: bytes) -> None:
    """Tags of a kind: by mutagen, as the user's other programs would have written them."""
    if how == "none" or not about:
        return
    import mutagen
    from mutagen import apev2, id3

    if how == "ape":
        tags = apev2.APEv2()
        tags.update({key.title(): value for key, value in about.items()})
        tags.save(path)
        return
    file: Any = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if how.startswith("id3"):
        for key, value in about.items():
            file.tags.add(getattr(id3, _ID3[key])(encoding=1, text=[value]))
        if picture:
            file.tags.add(id3.APIC(encoding=0, mime="image/png", type=3, data=picture))
        file.save(v2_version=int(how[-1]))
        return
    names = {"mp4": _MP4, "asf": _ASF}.get(how, {})
    file.update({names.get(key, key): [value] for key, value in about.items()})
    file.save()


def make(plan: Plan) -> float:
    """Make one file; returns the seconds of music in it."""
    path = Path(plan.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    y, sr = cut(plan) if not plan.copies else cut(_first(plan))
    encode(path, y, sr, plan)
    picture = np.random.default_rng(plan.seed).bytes(20_000) if plan.seed % 20 == 0 else b""
    write_tags(path, KINDS[plan.kind][4], fields(plan), picture)
    if plan.damage:
        path.write_bytes(DAMAGES[plan.damage](path.read_bytes()))
    return len(y) / sr


def _first(plan: Plan) -> Plan:
    """The plan whose sound a copy has."""
    seed = int(Path(plan.copies).stem.rpartition(" ")[2])
    return Plan(plan.copies, plan.source, plan.kind, seed)


def make_all(made: Sequence[Plan], workers: int) -> float:
    """Make all files, in processes; returns the seconds of music in all of them."""
    with ProcessPoolExecutor(workers) as pool:
        return sum(pool.map(make, made, chunksize=16))
