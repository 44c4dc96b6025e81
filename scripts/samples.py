"""The pieces of music that come along, rendered from their notes.

``scripts/samples``         write all of them, and samples.json
``scripts/samples FOLDER``  write them elsewhere, to listen or to compare
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import soundfile

from genrewise.training.datasets.synthesis import SR
from genrewise.training.pieces import PIECES, render

FOLDER = Path(__file__).resolve().parent.parent / "src" / "genrewise" / "samples"

#: Of Vorbis: 0 is best and largest.
COMPRESSION = 0.55


def write_ogg(path: Path, y: np.ndarray) -> None:
    """Write mono samples as Ogg Vorbis."""
    with soundfile.SoundFile(
        path, "w", SR, 1, "VORBIS", format="OGG", compression_level=COMPRESSION
    ) as file:
        # In pieces: the encoder of libsndfile takes stack for what it is given at once.
        for start in range(0, len(y), SR):
            file.write(y[start : start + SR])


def main(arguments: list[str]) -> int:
    """Render and write; returns the exit code."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    about = []
    for name, piece in PIECES.items():
        path = folder / f"{name}.ogg"
        write_ogg(path, render(name))
        print(f"{path.name}: {piece.genre}, {path.stat().st_size / 1000:.0f} kB")
        row = {"file": path.name, "genre": piece.genre, "title": piece.title, "made": piece.made}
        about.append(row | {"licence": "CC0-1.0"})
    text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    (folder / "samples.json").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
