"""Memory of ``genrewise classify``: flat in the length of a file and of a batch.

All processes together, shared pages counted once, looked at every 20 ms.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from common import GENREWISE, Row, Watched, music, save, watch, write_mp3

MODEL = "small-gtzan-v1"
MIX_HOURS = 2
FEW, MANY = 100, 1000


#: kbit/s of an MPEG-1 layer III frame by the index in its header.
_RATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)


def mix(path: Path, minutes: int) -> Path:
    """A long mp3: the frames of one minute, again and again.

    The first frame states the length of the minute and is left out.
    """
    minute = write_mp3(path.with_suffix(".minute"), music(60.0, 3)).read_bytes()
    first = 144_000 * _RATES[minute[2] >> 4] // 44_100 + (minute[2] >> 1 & 1)
    with path.open("wb") as file:
        for _ in range(minutes):
            file.write(minute[first:])
    return path


def classify(*paths: Path) -> Watched:
    """Classify and watch."""
    return watch([GENREWISE, "classify", "--jsonl", "--model", MODEL, *paths], poll=0.02)


def batch(folder: Path, count: int) -> Path:
    """A folder of `count` names for a few songs of 5 s."""
    songs = [write_mp3(folder / f"song-{i}.mp3", music(5.0, i)) for i in range(8)]
    below = folder / str(count)
    below.mkdir()
    for i in range(count):
        os.link(songs[i % len(songs)], below / f"{i:04}.mp3")
    return below


def main() -> None:
    """Measure and keep."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = classify(mix(folder / "short.mp3", 5))
        long = classify(mix(folder / "long.mp3", 60 * MIX_HOURS))
        few = classify(batch(folder, FEW))
        many = classify(batch(folder, MANY))
    rows = [
        Row("a file of 5 minutes", f"{short.together:.0f} MiB"),
        Row(f"a file of {MIX_HOURS} hours", f"{long.together:.0f} MiB", "≤ 400 MiB"),
        Row(f"its time, {MIX_HOURS} hours", f"{long.seconds:.0f} s"),
        Row(f"{FEW} files", f"{few.together:.0f} MiB"),
        Row(f"{MANY} files", f"{many.together:.0f} MiB", f"≤ 1.1 × that of {FEW}"),
    ]
    values = {
        "short_mib": short.together,
        "long_mib": long.together,
        "long_seconds": long.seconds,
        "few_mib": few.together,
        "many_mib": many.together,
    }
    save("memory", rows, values)


if __name__ == "__main__":
    main()
