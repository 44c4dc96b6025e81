"""``python -m genrewise.training.tags -o FOLDER``: the model ``tags-v1`` from the data."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from genrewise.errors import GenrewiseError
from genrewise.training.tags.build import make

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Make the model; returns the exit code."""
    parser = argparse.ArgumentParser(prog="genrewise.training.tags", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True, help="for model and report")
    parser.add_argument("--free", default="", metavar="FOLDER",
                        help="free music, as of: genrewise datasets get free-music")  # fmt: skip
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="0: one a CPU")
    options = parser.parse_args(arguments)
    began = time.monotonic()

    def say(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:5.0f} s  {line}\n")
        sys.stderr.flush()

    try:
        make(options.out, options.free, options.workers, say)
    except GenrewiseError as error:
        sys.stderr.write(f"Error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
